/** Whose a devbox is, and what becomes of it when its owner is gone. Real processes, really killed. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { DevboxId } from "@effect-devbox/core/DevboxModel"
import { ExecutionId } from "@effect-devbox/core/Execution"
import { Duration, Effect, Stream } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { createInterface } from "node:readline"
import { openDatabase } from "../../../packages/node/src/internal/store/database.ts"
import { openOwners } from "../../../packages/node/src/internal/store/owners.ts"
import { inLocal, leftovers, local, stateDir } from "./fixtures.ts"

interface Owner {
  readonly child: ChildProcess
  readonly said: { readonly scoped: string; readonly detached: string; readonly execution: string }
  readonly exit: Promise<unknown>
}

/** Another process that creates a scoped and a detached devbox, starts a command in each, and then waits. */
const owner = (dir: string) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<Owner>((resolve, reject) => {
          const child = spawn(process.execPath, [path.join(import.meta.dirname, "ownerProcess.ts"), dir], {
            stdio: ["pipe", "pipe", "inherit"]
          })
          const exit = new Promise((done) => child.once("exit", done))
          void exit.then((code) => reject(new Error(`the owner ended with ${String(code)}`)))
          createInterface({ input: child.stdout }).once("line", (line) =>
            resolve({ child, exit, said: JSON.parse(line) as Owner["said"] })
          )
        })
    ),
    ({ child, exit }) => Effect.promise(() => (child.kill("SIGKILL"), exit))
  )

describe("ownership on the local backend", () => {
  it.live("ends scoped devboxes with a killed owner and keeps detached ones running", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const first = yield* owner(dir)
        first.child.kill("SIGKILL")
        yield* Effect.promise(() => first.exit)
        yield* Effect.gen(function* () {
          const devboxes = yield* DevboxService
          const scoped = yield* devboxes.getInfo(DevboxId.make(first.said.scoped))
          assert.strictEqual(scoped.status, "shutdown")
          const detached = devboxes.attach(first.said.detached)
          assert.strictEqual((yield* detached.getInfo).status, "running")
          assert.strictEqual((yield* detached.cmd.execOrFail("cat note")).stdout, "left for you\n")
          // A command that the dead process started goes on, and its output is whole.
          const going = devboxes.attachExecution(detached.id, ExecutionId.make(first.said.execution))
          yield* detached.cmd.execOrFail("touch go")
          assert.strictEqual(yield* Stream.mkString(going.stdout), "begun\nended\n")
          assert.strictEqual((yield* going.result).exitCode, 5)
          yield* detached.shutdown()
          assert.strictEqual((yield* detached.getInfo).status, "shutdown")
        }).pipe(Effect.provide(local(dir)))
        assert.deepStrictEqual(leftovers(dir), [])
      })
    )
  )

  it.live("does not touch the devboxes of a living owner", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const first = yield* owner(dir)
        yield* Effect.gen(function* () {
          const devboxes = yield* DevboxService
          const scoped = devboxes.attach(first.said.scoped)
          assert.strictEqual((yield* scoped.getInfo).status, "running")
          const refused = yield* Effect.flip(scoped.cmd.exec("true"))
          assert.strictEqual(refused._tag, "DevboxNotReady")
          assert.include(refused.message, String(first.child.pid))
          assert.strictEqual((yield* Effect.flip(scoped.shutdown()))._tag, "Conflict")
          const swept = yield* LocalBackend.gc(dir)
          assert.deepStrictEqual(swept, { ended: [], suspended: [], snapshots: [], removed: [] })
          assert.strictEqual((yield* scoped.getInfo).status, "running")
          yield* devboxes.attach(first.said.detached).close
        }).pipe(Effect.provide(local(dir)))
      })
    )
  )

  it.live("lets a detached command go on when the program that started it ends in order", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const begun = yield* Effect.gen(function* () {
          const devbox = yield* Devbox.createDetached()
          const { id } = yield* devbox.cmd.execDetached("until [ -e go ]; do sleep 0.01; done; echo went; exit 3")
          return { devbox: devbox.id, execution: id }
        }).pipe(Effect.provide(local(dir)))
        yield* Effect.gen(function* () {
          const devbox = yield* Devbox.attach(begun.devbox)
          const execution = (yield* DevboxService).attachExecution(begun.devbox, begun.execution)
          assert.strictEqual((yield* execution.getState).status, "running")
          yield* devbox.file.write("go", "")
          const { exitCode, stdout } = yield* execution.result
          assert.deepStrictEqual([exitCode, stdout], [3, "went\n"])
          yield* devbox.close
        }).pipe(Effect.provide(local(dir)))
      })
    )
  )

  it.live(
    "keeps a detached devbox and how its command ended when its holder cannot write that down at once",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const dir = yield* stateDir
          const begun = yield* Effect.gen(function* () {
            const devbox = yield* Devbox.createDetached()
            const { id } = yield* devbox.cmd.execDetached("until [ -e go ]; do sleep 0.01; done; exit 3")
            return { devbox: devbox.id, execution: id }
          }).pipe(Effect.provide(local(dir)))
          yield* Effect.gen(function* () {
            const devbox = yield* Devbox.attach(begun.devbox)
            const database = new DatabaseSync(path.join(dir, "state.db"))
            database.exec("begin immediate")
            // Files go through the holder alone: one that is given late shows that it waited for the database.
            yield* devbox.file.write("go", "")
            const read = devbox.file.read("go")
            yield* Effect.repeat(Effect.timed(read), { until: ([time]) => Duration.toSeconds(time) > 4 })
            yield* read
            database.exec("rollback")
            database.close()
            const execution = (yield* DevboxService).attachExecution(begun.devbox, begun.execution)
            assert.strictEqual((yield* execution.result).exitCode, 3)
            assert.strictEqual((yield* devbox.getInfo).status, "running")
            yield* devbox.close
          }).pipe(Effect.provide(local(dir)))
        })
      ),
    // The holder waits for the database as long as it does for any transaction, and then a while before it tries again.
    60_000
  )

  it.live("keeps the disk of a detached devbox whose holder died, and says that it is suspended", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const first = yield* owner(dir)
        const db = openDatabase(path.join(dir, "state.db"))
        const pid = openOwners(db).find(({ kind }) => kind === "holder")?.pid
        db.close()
        first.child.kill("SIGKILL")
        yield* Effect.promise(() => first.exit)
        assert.isDefined(pid)
        process.kill(pid, "SIGKILL")
        yield* Effect.gen(function* () {
          const detached = yield* Devbox.attach(first.said.detached)
          const info = yield* Effect.repeat(Effect.andThen(LocalBackend.gc(dir), detached.getInfo), {
            until: ({ status }) => status !== "running"
          })
          assert.strictEqual(info.status, "suspended")
          assert.strictEqual((yield* Effect.flip(detached.cmd.exec("true")))._tag, "DevboxNotReady")
          yield* detached.shutdown()
        }).pipe(Effect.provide(local(dir)))
        assert.deepStrictEqual(leftovers(dir), [])
      })
    )
  )

  it.live("reports a devbox whose processes were all killed from inside, and what ran in it", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        const error = yield* Effect.flip(devbox.cmd.exec("kill -9 -1; sleep 60"))
        assert.strictEqual(error._tag, "DevboxNotReady")
        const info = yield* Effect.flip(devbox.awaitSuspended())
        assert.strictEqual(info._tag, "DevboxNotReady")
        assert.strictEqual((yield* devbox.getInfo).status, "failure")
      })
    )
  )

  it.live("ends a devbox when its keep-alive time is over", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* Devbox.create({ keepAliveTime: "1 second" })
        const over = yield* Effect.flip(devbox.awaitSuspended({ timeout: "20 seconds" }))
        assert.strictEqual(over._tag, "DevboxNotReady")
        const info = yield* devbox.getInfo
        assert.strictEqual(info.shutdownReason, "keep_alive_timeout")
      })
    )
  )
})
