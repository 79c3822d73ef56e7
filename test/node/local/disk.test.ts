/** Snapshots, suspension and resumption on the local backend, beyond what every backend promises: how, by whom, and what stays. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxBackend, DevboxService } from "@effect-devbox/core"
import type { Conflict, DevboxNotReady } from "@effect-devbox/core/DevboxError"
import { CreateParams, type DevboxId, LaunchParameters } from "@effect-devbox/core/DevboxModel"
import { SnapshotParams } from "@effect-devbox/core/Snapshot"
import { Duration, Effect, Stream } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { inLocal, leftovers, local, stateDir } from "./fixtures.ts"

const hold = Duration.seconds(20)

const until = (id: DevboxId, ...statuses: ReadonlyArray<"running" | "suspended" | "shutdown" | "failure">) =>
  DevboxBackend.DevboxBackend.use((backend) => backend.waitForStatus!(id, statuses, hold))

const layers = (dir: string) => fs.readdirSync(path.join(dir, "layers"))

const service = Effect.map(DevboxService, (devboxes) => devboxes)

describe("a snapshot on the local backend", () => {
  it.live("rotates a devbox in which nothing runs, and copies one in which something does", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devboxes = yield* service
        const devbox = yield* devboxes.create()
        yield* devbox.cmd.execOrFail("echo one > file; rm .profile; mkdir closed; echo in > closed/in; chmod 0 closed")
        const idle = yield* Effect.flatMap(devboxes.snapshotDisk(devbox.id), ({ id }) => devboxes.awaitSnapshot(id))
        assert.strictEqual(idle.method, "rotate")
        const shell = devbox.cmd.shell("kept")
        yield* shell.exec("cd /tmp; word=kept")
        yield* devbox.cmd.execOrFail(
          "echo two > file; chmod 700 closed; echo more > closed/more; chmod 0 closed; rm -r .bashrc"
        )
        const live = yield* Effect.flatMap(devboxes.snapshotDisk(devbox.id), ({ id }) => devboxes.awaitSnapshot(id))
        assert.include(["copy", "reflink"], live.method)
        assert.strictEqual((yield* shell.exec("echo $PWD $word")).stdout, "/tmp kept\n")
        const look = "cat file; chmod 700 closed; ls -A closed . | tr '\\n' ' '"
        const of = (snapshot: string) =>
          Effect.flatMap(devboxes.create({ from: { snapshot } }), ({ cmd }) => cmd.execOrFail(look))
        assert.strictEqual((yield* of(idle.id)).stdout, "one\n.: .bash_logout .bashrc closed file  closed: in ")
        assert.strictEqual((yield* of(live.id)).stdout, "two\n.: .bash_logout closed file  closed: in more ")
        assert.strictEqual(devbox.id, live.sourceDevboxId)
        for (const { id } of [idle, live]) yield* devboxes.deleteSnapshot(id)
      })
    )
  )

  it.live("is made of layers that go with the last that needs them", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const devboxes = yield* service
        const first = yield* Effect.scoped(
          Effect.flatMap(devboxes.create(), (devbox) =>
            Effect.andThen(devbox.cmd.execOrFail("echo kept > file"), devboxes.snapshotDisk(devbox.id))
          )
        )
        assert.lengthOf(layers(dir), 1)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const devbox = yield* devboxes.create({ from: { snapshot: first.id } })
            yield* devboxes.deleteSnapshot(first.id)
            assert.strictEqual((yield* devbox.cmd.execOrFail("cat file")).stdout, "kept\n")
            assert.lengthOf(layers(dir), 2)
          })
        )
        assert.deepStrictEqual(layers(dir), [])
      })
    )
  )

  it.live("makes one layer of many, which holds the same", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const devboxes = yield* service
        const devbox = yield* devboxes.create()
        const ids: Array<string> = []
        for (let n = 0; n < 18; n++) {
          yield* devbox.cmd.execOrFail(`echo ${n} > n${n}; rm -f n${n - 2}; rm -f .profile`)
          ids.push((yield* devboxes.snapshotDisk(devbox.id)).id)
        }
        const last = ids.at(-1)!
        const copy = yield* Effect.repeat(
          Effect.scoped(
            Effect.flatMap(devboxes.create({ from: { snapshot: last } }), ({ cmd }) =>
              cmd.execOrFail("ls -A; grep -o 'lowerdir=[^,]*' /proc/self/mountinfo | tr -cd : | wc -c")
            )
          ),
          { until: ({ stdout }) => stdout.endsWith("\n0\n"), times: 200 }
        )
        assert.deepStrictEqual(copy.stdout.split("\n"), [".bash_logout", ".bashrc", "n16", "n17", "0", ""])
        yield* devbox.cmd.execOrFail("echo after > after")
        const after = yield* devboxes.snapshotDisk(devbox.id)
        const { stdout } = yield* Effect.flatMap(devboxes.create({ from: { snapshot: after.id } }), ({ cmd }) =>
          cmd.execOrFail("cat after n17")
        )
        assert.strictEqual(stdout, "after\n17\n")
        for (const id of [...ids, after.id]) yield* devboxes.attachSnapshot(id).delete
        assert.isAbove(layers(dir).length, 0)
      })
    )
  )

  it.live("keeps its devbox from being shut down, unless by force, which fails it and leaves nothing of it", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend.DevboxBackend
        const devbox = yield* Devbox.createDetached()
        yield* devbox.cmd.execOrFail("mkdir d; cd d; for i in $(seq 3000); do echo $i > $i; done")
        yield* devbox.cmd.shell("busy").exec("true")
        const { id } = yield* backend.startSnapshot(devbox.id, new SnapshotParams({}))
        const refused = (yield* Effect.flip(backend.shutdown(devbox.id))) as Conflict
        assert.deepInclude({ tag: refused._tag, says: refused.message.includes(id) }, { tag: "Conflict", says: true })
        const twice = (yield* Effect.flip(backend.startSnapshot(devbox.id, new SnapshotParams({})))) as Conflict
        assert.strictEqual(twice._tag, "Conflict")
        const info = yield* backend.shutdown(devbox.id, { force: true })
        assert.deepStrictEqual([info.status, info.shutdownReason], ["shutdown", "api_shutdown"])
        const state = yield* backend.getSnapshot(id)
        assert.deepInclude(state, {
          status: "error",
          errorMessage: "the devbox was shut down before the snapshot was complete"
        })
        assert.deepStrictEqual(layers(dir), [])
      })
    )
  )
})

describe("suspension on the local backend", () => {
  it.live(
    "runs its commands first, whatever they do, and launch commands again on the way back, with the environment",
    () =>
      inLocal(() =>
        Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const { id } = yield* backend.create(
            new CreateParams({
              environmentVariables: { WORD: "given" },
              launchParameters: new LaunchParameters({
                launchCommands: ["echo start $WORD >> log"],
                lifecycle: {
                  lifecycleHooks: {
                    suspendCommands: ["exit 3", "echo stop $WORD >> log", "sleep 60"],
                    suspendDeadlineMs: 500
                  }
                }
              })
            })
          )
          yield* until(id, "running")
          yield* backend.suspend(id)
          const asleep = yield* until(id, "suspended")
          assert.deepStrictEqual(
            asleep.stateTransitions.map(({ status }) => status),
            ["provisioning", "initializing", "running", "suspending", "suspended"]
          )
          const said = (yield* backend.logs(id)).flatMap(({ message }) => message ?? [])
          assert.include(said, 'the suspend command "exit 3" ended with 3')
          assert.include(said, "the suspend commands did not end within 500 ms; the devbox is suspended without them")
          yield* backend.resume(id)
          yield* until(id, "running")
          const log = yield* Effect.flatMap(Devbox.attach(id), ({ file }) => file.read("log"))
          assert.strictEqual(log, "start given\nstop given\nstart given\n")
        })
      )
  )

  it.live("of a detached devbox is done by its holder, and any process brings it back", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const inAnother = <A, E>(program: Effect.Effect<A, E, DevboxService | DevboxBackend.DevboxBackend>) =>
          Effect.provide(program, local(dir), { local: true })
        const id = yield* inAnother(
          Effect.gen(function* () {
            const devbox = yield* Devbox.createDetached({ env: { WORD: "kept" }, launchCommands: ["echo up >> ups"] })
            yield* devbox.cmd.execOrFail("echo $WORD > file")
            const snapshot = yield* DevboxService.use((devboxes) => devboxes.snapshotDisk(devbox.id))
            const state = yield* DevboxBackend.DevboxBackend.use((backend) => backend.getSnapshot(snapshot.id))
            assert.deepInclude(state.snapshot, { method: "rotate", sourceDevboxId: devbox.id })
            assert.strictEqual((yield* devbox.cmd.execOrFail("cat file")).stdout, "kept\n")
            return devbox.id
          })
        )
        yield* inAnother(
          DevboxBackend.DevboxBackend.use((backend) =>
            Effect.andThen(backend.suspend(id), backend.waitForStatus!(id, ["suspended"], hold))
          )
        )
        // The holder writes down that the devbox is suspended, and ends a moment later.
        const left = yield* Effect.repeat(
          Effect.sync(() => leftovers(dir)),
          { until: (found) => found.length === 1, times: 100 }
        )
        assert.deepStrictEqual(left, [id])
        yield* inAnother(
          Effect.gen(function* () {
            const backend = yield* DevboxBackend.DevboxBackend
            const work = yield* Effect.flip(Stream.runDrain(backend.download(id, "file")))
            assert.deepInclude(work as DevboxNotReady, { _tag: "DevboxNotReady", status: "suspended" })
            yield* backend.startSnapshot(id, new SnapshotParams({ name: "asleep" }))
            yield* Effect.all([backend.resume(id), backend.resume(id)], { concurrency: 2 })
            yield* until(id, "running")
            const devbox = yield* Devbox.attach(id)
            assert.strictEqual(
              (yield* devbox.cmd.execOrFail("echo $WORD; cat file ups")).stdout,
              "kept\nkept\nup\nup\n"
            )
          })
        )
        yield* inAnother(DevboxBackend.DevboxBackend.use((backend) => backend.shutdown(id)))
        assert.deepStrictEqual(leftovers(dir), [])
      })
    )
  )
})
