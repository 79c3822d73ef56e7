/** What becomes of a devbox of the local backend when nobody does anything, and what counts as doing something. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxBackend } from "@effect-devbox/core"
import { AfterIdle, CreateParams, type DevboxId, LaunchParameters } from "@effect-devbox/core/DevboxModel"
import { ExecutionId } from "@effect-devbox/core/Execution"
import { Duration, Effect, Fiber, Stream } from "effect"
import { DatabaseSync } from "node:sqlite"
import { join } from "node:path"
import { inLocal } from "./fixtures.ts"

const hold = Duration.seconds(25)

const until = (id: DevboxId, ...statuses: ReadonlyArray<"running" | "suspended" | "shutdown">) =>
  DevboxBackend.DevboxBackend.use((backend) => backend.waitForStatus!(id, statuses, hold))

const idle = (onIdle: "suspend" | "shutdown", detached = false, idleTimeSeconds = 1) =>
  new CreateParams({
    detached,
    launchParameters: new LaunchParameters({ afterIdle: new AfterIdle({ idleTimeSeconds, onIdle }) })
  })

describe("an idle devbox", () => {
  for (const detached of [false, true]) {
    const kind = detached ? "detached" : "scoped"
    it.live(`is suspended or shut down, and says so (${kind})`, () =>
      inLocal(() =>
        Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const asleep = (yield* backend.create(idle("suspend", detached))).id
          const over = (yield* backend.create(idle("shutdown", detached))).id
          assert.strictEqual((yield* until(asleep, "suspended")).status, "suspended")
          const info = yield* until(over, "shutdown")
          assert.deepStrictEqual([info.status, info.shutdownReason], ["shutdown", "idle"])
          yield* backend.resume(asleep)
          yield* until(asleep, "running")
          const again = yield* until(asleep, "suspended")
          assert.strictEqual(again.shutdownReason, undefined)
          yield* backend.shutdown(asleep)
          yield* backend.shutdown(over)
        })
      )
    )

    it.live(`is not idle while a command runs in it, and is after it (${kind})`, () =>
      inLocal(() =>
        Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const { id } = yield* backend.create(idle("suspend", detached))
          const commandId = ExecutionId.make("busy")
          const running = yield* backend.startExecution(id, { commandId, command: "sleep 2.5; date +%s%3N" })
          const { exitStatus, stdout } = yield* backend.waitForExecution!(id, running.executionId, hold)
          assert.strictEqual(exitStatus, 0)
          const { stateTransitions } = yield* until(id, "suspended")
          const slept = stateTransitions.find(({ status }) => status === "suspending")?.transitionTimeMs ?? 0
          // By the clock inside: whoever waited may have heard of the end late.
          assert.isAtLeast(slept - Number(stdout), 990)
          yield* backend.shutdown(id)
        })
      )
    )

    it.live(`is kept by files that are read and by keepAlive (${kind})`, () =>
      inLocal(() =>
        Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const { id } = yield* backend.create(idle("suspend", detached, 2))
          const devbox = yield* Devbox.attach(id)
          const begun = Date.now()
          // In real time, by the clock of a command in another devbox, until the idle time has passed twice.
          const clock = yield* Devbox.create()
          while (Date.now() - begun < 4500) {
            yield* devbox.file.read("/etc/hostname")
            yield* backend.keepAlive(id)
            yield* clock.cmd.execOrFail("sleep 0.3")
          }
          assert.strictEqual((yield* backend.get(id)).status, "running")
          yield* until(id, "suspended")
          yield* backend.shutdown(id)
        })
      )
    )
  }
})

describe("the keep-alive time", () => {
  it.live("is announced, to programs that listen and to those that come later, and can be started again", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const create = (keepAliveTimeSeconds: number, detached: boolean) =>
          backend.create(
            new CreateParams({ detached, launchParameters: new LaunchParameters({ keepAliveTimeSeconds }) })
          )
        const heard = yield* Effect.forkChild(Stream.runCollect(Stream.take(backend.notices, 2)))
        const before = Date.now()
        const long = yield* create(1000, false)
        // Within a minute of their end, and far from it.
        const near = [yield* create(50, false), yield* create(50, true)]
        const ids = near.map(({ id }) => id as string)
        const notices = yield* Fiber.join(heard)
        assert.sameMembers(
          notices.map(({ devboxId }) => devboxId as string),
          ids
        )
        for (const { evictionDeadlineMs } of notices) assert.isAtLeast(evictionDeadlineMs, before + 50_000)
        const late = yield* Stream.runCollect(Stream.take(backend.notices, 2))
        assert.sameMembers(
          late.map(({ devboxId }) => devboxId as string),
          ids
        )
        for (const detached of [false, true]) {
          const { createTimeMs, id } = yield* create(2, detached)
          yield* backend.keepAlive(id)
          const info = yield* until(id, "shutdown")
          assert.deepStrictEqual([info.status, info.shutdownReason], ["shutdown", "keep_alive_timeout"])
          assert.isAtLeast(info.endTimeMs! - createTimeMs, 2000)
          // Its time has ended it; whoever wants to be sure that it is gone asks for that.
          yield* backend.shutdown(id)
        }
        assert.strictEqual((yield* backend.get(long.id)).status, "running")
        for (const { id } of near) yield* backend.shutdown(id)
        yield* backend.shutdown(long.id)
      })
    )
  )

  it.live("does not count while a devbox is suspended", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const { id } = yield* backend.create(
          new CreateParams({ launchParameters: new LaunchParameters({ keepAliveTimeSeconds: 2 }) })
        )
        yield* backend.suspend(id)
        yield* until(id, "suspended")
        const clock = yield* Devbox.create()
        yield* clock.cmd.execOrFail("sleep 2.5")
        assert.strictEqual((yield* backend.get(id)).status, "suspended")
        yield* backend.keepAlive(id)
        yield* backend.resume(id)
        yield* until(id, "running")
        assert.strictEqual((yield* until(id, "shutdown")).shutdownReason, "keep_alive_timeout")
      })
    )
  )

  it.live("ends a devbox also when that fails at first", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const database = yield* Effect.acquireRelease(
          Effect.sync(() => new DatabaseSync(join(dir, "state.db"))),
          (opened) => Effect.sync(() => opened.close())
        )
        const { id } = yield* backend.create(
          new CreateParams({ launchParameters: new LaunchParameters({ keepAliveTimeSeconds: 1 }) })
        )
        // As a full disk would: the wish for the end is refused until a second after its time has come.
        database.exec(
          `create trigger full before update of shutdown_reason on devboxes
             when new.shutdown_reason is not null and unixepoch('subsec') * 1000 < old.expires_at_ms + 1000
             begin select raise(abort, 'database or disk is full'); end`
        )
        const info = yield* until(id, "shutdown")
        assert.deepStrictEqual([info.status, info.shutdownReason], ["shutdown", "keep_alive_timeout"])
        assert.isAtLeast(info.endTimeMs! - info.createTimeMs, 2000)
      })
    )
  )

  it.live("ends or suspends a devbox also when that cannot be written down at first", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const [{ id: asleep }, { id: over }] = yield* Effect.all([
          backend.create(new CreateParams({})),
          backend.create(new CreateParams({ launchParameters: new LaunchParameters({ keepAliveTimeSeconds: 1 }) }))
        ])
        // When the boxes are gone, the database takes nothing for a while.
        const database = new DatabaseSync(join(dir, "state.db"))
        database.exec(
          `create trigger full before update of status on devboxes
             when new.status in ('suspended', 'shutdown') and unixepoch('subsec') * 1000 < ${Date.now() + 3000}
             begin select raise(abort, 'database or disk is full'); end`
        )
        database.close()
        yield* backend.suspend(asleep)
        assert.strictEqual((yield* until(asleep, "suspended")).status, "suspended")
        const info = yield* until(over, "shutdown")
        assert.deepStrictEqual([info.status, info.shutdownReason], ["shutdown", "keep_alive_timeout"])
      })
    )
  )
})
