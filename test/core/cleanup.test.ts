/** Cleaning up when calls go wrong: what may run is ended, what is gone is not reported, what is the caller's is left. */
import { assert, describe, it } from "@effect/vitest"
import { type Devbox, DevboxLeaks, DevboxService } from "@effect-devbox/core"
import { UnavailableError } from "@effect-devbox/core/DevboxError"
import { ExecutionId } from "@effect-devbox/core/Execution"
import { ChaosBackend, MemoryBackend, VirtualTime } from "@effect-devbox/core/testing"
import { Clock, Effect, Exit, Layer } from "effect"

/** Runs with these faults, and gives the leaks that were reported beside the value. */
const run = <A, E>(
  faults: ReadonlyArray<ChaosBackend.Fault>,
  program: Effect.Effect<A, E, DevboxService | MemoryBackend.Control>
) =>
  DevboxLeaks.collect(program).pipe(
    Effect.provide(
      DevboxService.layer.pipe(
        Layer.provide(ChaosBackend.layer({ script: faults })),
        Layer.provideMerge(MemoryBackend.layerControl())
      )
    ),
    VirtualTime.run
  )

const create = DevboxService.use((devboxes) => devboxes.create())
const statuses = Effect.flatMap(MemoryBackend.Control, ({ executions }) =>
  Effect.map(executions(), (all) => all.map(({ signal, status }) => `${status} ${signal ?? ""}`.trim()))
)
const calls = Effect.flatMap(MemoryBackend.Control, (control) =>
  Effect.map(control.calls, (all) => all.map(({ operation }) => operation))
)

describe("release", () => {
  it.live("reports nothing when the shutdown was carried out and its answer made no sense", () =>
    Effect.gen(function* () {
      const { leaks } = yield* run([{ operation: "shutdown", call: 1, kind: "garble" }], Effect.scoped(create))
      assert.deepStrictEqual(leaks, [])
    })
  )

  it.live("waits as long as the backend asks before it shuts down again", () =>
    Effect.gen(function* () {
      const { leaks } = yield* run(
        [1, 2, 3].map((call) => ({ operation: "shutdown", call, kind: "rateLimit", amount: 9000 }) as const),
        Effect.scoped(create)
      )
      assert.deepStrictEqual(leaks, [])
    })
  )
})

describe("a command whose start is in doubt", () => {
  it.live("is ended when a second sending was refused for good and it cannot be found", () =>
    Effect.gen(function* () {
      const { value } = yield* run(
        [
          { operation: "startExecution", call: 1, kind: "loseReply" },
          { operation: "startExecution", call: 2, kind: "reject" },
          { operation: "getExecution", call: 1, kind: "reject" }
        ],
        Effect.gen(function* () {
          const devbox = yield* create
          yield* Effect.flip(devbox.cmd.exec("sleep 1000"))
          return yield* statuses
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual(value, ["completed SIGTERM"])
    })
  )

  it.live("is not looked for when every sending was certainly refused", () =>
    Effect.gen(function* () {
      const { value } = yield* run(
        [{ operation: "startExecution", call: 1, kind: "reject" }],
        Effect.gen(function* () {
          const devbox = yield* create
          yield* Effect.flip(devbox.cmd.exec("sleep 1000"))
          return yield* calls
        }).pipe(Effect.scoped)
      )
      assert.notInclude(value, "kill")
    })
  )

  it.live("can be interrupted, and is ended then", () =>
    Effect.gen(function* () {
      const { value } = yield* run(
        [],
        Effect.gen(function* () {
          const devbox = yield* create
          const { stall } = yield* MemoryBackend.Control
          yield* stall("startExecution")
          yield* Effect.timeoutOption(devbox.cmd.exec("sleep 1000"), "3 seconds")
          return yield* calls
        }).pipe(Effect.scoped)
      )
      assert.include(value, "kill")
    })
  )

  it.live("is left alone when the caller who detached it gave it its id", () =>
    Effect.gen(function* () {
      const commandId = ExecutionId.make("mine")
      const faults = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(
        (call) => ({ operation: "startExecution", call, kind: "loseReply" }) as const
      )
      const { value } = yield* run(
        faults,
        Effect.gen(function* () {
          const devbox = yield* create
          yield* Effect.flip(devbox.cmd.execDetached("sleep 1000", { commandId }))
          return yield* statuses
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual(value, ["running"])
      const other = yield* run(
        faults,
        Effect.gen(function* () {
          const devbox = yield* create
          yield* Effect.flip(devbox.cmd.execDetached("sleep 1000"))
          return yield* statuses
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual(other.value, ["completed SIGTERM"])
    })
  )
})

describe("kill", () => {
  it.live("goes on to SIGKILL when the first signal went wrong", () =>
    Effect.gen(function* () {
      const { leaks, value } = yield* run(
        [{ operation: "kill", call: 1, kind: "reject" }],
        Effect.gen(function* () {
          const devbox = yield* create
          yield* Effect.flip(devbox.cmd.exec("sleep 1000", { timeout: "1 second" }))
          return yield* statuses
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual([leaks, value], [[], ["completed SIGKILL"]])
    })
  )
})

describe("a backend that does not answer", () => {
  /** What is stalled, and who is interrupted meanwhile. */
  const stalled = (
    operation: ChaosBackend.Operation,
    use: (devbox: Devbox.Devbox) => Effect.Effect<unknown, unknown, DevboxService | MemoryBackend.Control>
  ) =>
    run(
      [],
      Effect.gen(function* () {
        const devbox = yield* create
        yield* (yield* MemoryBackend.Control).stall(operation, { times: 100 })
        yield* Effect.timeoutOption(use(devbox), "3 seconds")
        yield* (yield* MemoryBackend.Control).clearFaults
        return yield* Clock.currentTimeMillis
      }).pipe(Effect.scoped)
    )

  it.live("keeps nobody for ever who is interrupted: what cannot be confirmed is reported", () =>
    Effect.gen(function* () {
      const exec = yield* stalled("kill", (devbox) => devbox.cmd.exec("sleep 1000"))
      const async = yield* stalled("kill", (devbox) =>
        Effect.scoped(Effect.andThen(devbox.cmd.execAsync("sleep 1000"), Effect.never))
      )
      const start = yield* stalled("startExecution", (devbox) => devbox.cmd.exec("sleep 1000"))
      const snapshot = yield* stalled("deleteSnapshot", (devbox) =>
        Effect.andThen(
          MemoryBackend.Control.use(({ hold }) => hold("snapshot")),
          devbox.snapshotDisk()
        )
      )
      const lost = yield* stalled("list", () =>
        Effect.andThen(
          MemoryBackend.Control.use(({ loseReply }) => loseReply("create")),
          Effect.scoped(create)
        )
      )
      assert.deepStrictEqual(
        [exec, async, start, snapshot, lost].map(({ leaks, value }) => [
          leaks.map(({ resource }) => resource),
          value / 1000
        ]),
        [
          [["execution"], 63],
          [["execution"], 63],
          [["execution"], 63],
          [["snapshot"], 63],
          [["devbox"], 303]
        ]
      )
    })
  )
})

describe("files", () => {
  it.live("are read and written again when the connection breaks", () =>
    Effect.gen(function* () {
      const { value } = yield* run(
        [
          { operation: "upload", call: 1, kind: "loseReply" },
          { operation: "upload", call: 3, kind: "refuse" },
          { operation: "download", call: 1, kind: "cut", amount: 2 },
          { operation: "download", call: 3, kind: "cut", amount: 0 }
        ],
        Effect.gen(function* () {
          const devbox = yield* create
          yield* devbox.file.write("text", "hello")
          yield* devbox.file.upload("bytes", new Uint8Array([1, 2, 3]))
          return [yield* devbox.file.read("text"), yield* devbox.file.download("bytes")] as const
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual(value, ["hello", new Uint8Array([1, 2, 3])])
    })
  )
})

describe("a snapshot whose start is in doubt", () => {
  it.live("is deleted when the caller is gone by then", () =>
    Effect.gen(function* () {
      const { value } = yield* run(
        [],
        Effect.gen(function* () {
          const devbox = yield* create
          const { failNext, loseReply, snapshots } = yield* MemoryBackend.Control
          yield* loseReply("startSnapshot")
          yield* failNext("listSnapshots", new UnavailableError({ detail: "busy" }), { times: 3 })
          const took = yield* Effect.timeoutOption(devbox.snapshotDisk(), "300 millis")
          return [took._tag, (yield* snapshots).length] as const
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual(value, ["None", 0])
    })
  )

  it.live("fails in doubt when nothing of it exists", () =>
    Effect.gen(function* () {
      const { leaks, value } = yield* run(
        [{ operation: "startSnapshot", call: 1, kind: "drop", amount: 100 }],
        Effect.flatMap(create, (devbox) => Effect.exit(devbox.snapshotDiskAsync())).pipe(Effect.scoped)
      )
      assert.isTrue(Exit.isFailure(value))
      assert.deepStrictEqual(leaks, [])
    })
  )
})

describe("a call that was never sent", () => {
  it.live("is not looked for when the caller goes away", () =>
    Effect.gen(function* () {
      const { value } = yield* run(
        [1, 2, 3].map((call) => ({ operation: "create", call, kind: "rateLimit", amount: 60_000 }) as const),
        Effect.gen(function* () {
          yield* Effect.timeoutOption(Effect.scoped(create), "5 seconds")
          return yield* calls
        })
      )
      assert.deepStrictEqual(value, [])
    })
  )
})
