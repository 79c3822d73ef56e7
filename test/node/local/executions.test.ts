/** Commands on the local backend, through the backend itself: at most once, exact output from any byte, truthful ends. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend } from "@effect-devbox/core"
import { CreateParams, type DevboxId } from "@effect-devbox/core/DevboxModel"
import { type Channel, cursorStart, ExecutionId, type OutputCursor } from "@effect-devbox/core/Execution"
import { Duration, Effect, Fiber, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { inLocal } from "./fixtures.ts"

const hold = Duration.seconds(20)

/** A backend with one devbox. */
const box = Effect.gen(function* () {
  const backend = yield* DevboxBackend.DevboxBackend
  const { id } = yield* backend.create(new CreateParams({}))
  const start = (command: string | ReadonlyArray<string>, more: Partial<DevboxBackend.StartExecution> = {}) =>
    Effect.map(
      backend.startExecution(id, { commandId: ExecutionId.make(randomUUID()), command, ...more }),
      ({ executionId }) => executionId
    )
  const end = (execution: ExecutionId) => backend.waitForExecution!(id, execution, hold)
  const run = (...of: Parameters<typeof start>) => Effect.flatMap(start(...of), end)
  return { backend, id, start, end, run }
})

const collect = (
  backend: DevboxBackend.Shape,
  id: DevboxId,
  execution: ExecutionId,
  channel: Channel | "both",
  cursor: OutputCursor = cursorStart
) =>
  Effect.map(Stream.runCollect(backend.output(id, execution, channel, cursor)), (events) => {
    const text = { stdout: "", stderr: "" }
    for (const event of events) {
      if (event._tag === "Chunk") text[event.channel] += Buffer.from(event.bytes).toString("latin1")
    }
    return { ...text, ends: events.filter(({ _tag }) => _tag === "End"), last: events.at(-1)?._tag }
  })

describe("executions on the local backend", () => {
  it.live("run once however often they are started with one id", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { backend, end, id, run } = yield* box
        const commandId = ExecutionId.make(randomUUID())
        const again = backend.startExecution(id, { commandId, command: "echo once | tee -a log" })
        yield* Effect.all(
          Array.from({ length: 8 }, () => again),
          { concurrency: "unbounded" }
        )
        assert.strictEqual((yield* end(commandId)).stdout, "once\n")
        assert.strictEqual((yield* again).status, "completed")
        assert.strictEqual((yield* run("cat log")).stdout, "once\n")
      })
    )
  )

  it.live("give both outputs exactly from any byte, and one end with the promised lengths", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { backend, end, id, start } = yield* box
        const execution = yield* start(
          "for i in 1 2 3; do echo out$i; echo err$i >&2; done; printf '\\377\\000'; head -c 300000 /dev/zero >&2"
        )
        const followed = yield* collect(backend, id, execution, "both")
        yield* end(execution)
        const out = "out1\nout2\nout3\n\xff\0"
        const err = `err1\nerr2\nerr3\n${"\0".repeat(300_000)}`
        for (const seen of [followed, yield* collect(backend, id, execution, "both")]) {
          assert.isTrue(seen.stdout === out && seen.stderr === err)
          assert.deepStrictEqual(seen.ends, [{ _tag: "End", stdout: out.length, stderr: err.length }])
          assert.strictEqual(seen.last, "End")
        }
        for (const at of [0, 1, 5, out.length - 1, out.length]) {
          const tail = yield* collect(backend, id, execution, "stdout", { stdout: at, stderr: 0 })
          assert.strictEqual(tail.stdout, out.slice(at))
          assert.deepStrictEqual(tail.ends, [{ _tag: "End", stdout: out.length }])
        }
      })
    )
  )

  it.live("bring their last lines along and say when something is missing", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { backend, end, id, start } = yield* box
        const execution = yield* start("seq 250")
        yield* end(execution)
        const lines = (n?: number) => backend.getExecution(id, execution, n === undefined ? {} : { lastLines: n })
        const short = yield* lines(3)
        assert.deepStrictEqual([short.stdout, short.stdoutTruncated], ["248\n249\n250\n", true])
        assert.deepStrictEqual([short.stderr, short.stderrTruncated], ["", false])
        const usual = yield* lines()
        assert.deepStrictEqual([usual.stdout?.split("\n").length, usual.stdoutTruncated], [101, true])
        const all = yield* lines(250)
        assert.deepStrictEqual([all.stdout?.length, all.stdoutTruncated, all.stdoutBytes], [892, false, 892])
      })
    )
  )

  it.live("start at home with their own environment and folder", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { backend, run } = yield* box
        const { id } = yield* backend.create(new CreateParams({ environmentVariables: { COLOUR: "blue green" } }))
        const env = yield* backend.startExecution(id, {
          commandId: ExecutionId.make(randomUUID()),
          command: "echo $COLOUR"
        })
        const seen = yield* backend.waitForExecution!(id, env.executionId, hold)
        assert.strictEqual(seen.stdout, "blue green\n")
        assert.match((yield* run("pwd")).stdout ?? "", /^\/.*user.*\n$|^\/.*home.*\n$/)
        assert.strictEqual((yield* run("pwd; echo $A", { cwd: "/tmp", env: { A: "it's" } })).stdout, "/tmp\nit's\n")
        assert.strictEqual((yield* run(["printf", "%s|", "a b", "$HOME"])).stdout, "a b|$HOME|")
      })
    )
  )

  it.live("read stdin byte for byte until its end, and hear of an interrupt", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { backend, end, id, run, start } = yield* box
        const bytes = Uint8Array.from({ length: 200_000 }, (_, at) => at % 256)
        const copy = yield* start("cat > copy", { attachStdin: true })
        yield* backend.sendStdin(id, copy, { bytes })
        yield* backend.sendStdin(id, copy, { signal: "EOF" })
        assert.strictEqual((yield* end(copy)).exitStatus, 0)
        const read = yield* Stream.runCollect(backend.download(id, "copy"))
        assert.deepStrictEqual(Buffer.concat(read), Buffer.from(bytes))
        const trapped = yield* start("trap 'echo hurt; exit 3' INT; echo ready; read x", { attachStdin: true })
        yield* Stream.runHead(backend.output(id, trapped, "stdout", cursorStart))
        yield* backend.sendStdin(id, trapped, { signal: "INTERRUPT" })
        const seen = yield* end(trapped)
        assert.deepStrictEqual([seen.exitStatus, seen.stdout], [3, "ready\nhurt\n"])
        const refusals = [
          backend.sendStdin(id, trapped, { bytes }),
          backend.sendStdin(id, (yield* run("true")).executionId, { bytes })
        ]
        for (const refusal of refusals) {
          const error = yield* Effect.flip(refusal)
          assert.strictEqual(error._tag === "BackendError" ? error.reason._tag : error._tag, "InvalidRequestError")
        }
      })
    )
  )

  it.live("are ended with everything they started, and name the signal that was sent", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { backend, id, run, start } = yield* box
        const tree = yield* start("trap '' TERM; setsid sleep 1111 & sleep 1111 & echo ready; wait; wait")
        yield* Stream.runHead(backend.output(id, tree, "stdout", cursorStart))
        const ended = yield* backend.kill(id, tree, { group: true, signal: "SIGKILL" })
        assert.deepStrictEqual([ended.status, ended.exitStatus, ended.signal], ["completed", 137, "SIGKILL"])
        assert.strictEqual((yield* run(["pgrep", "-f", "sleep 1111"])).exitStatus, 1)
        const own = yield* run("kill -KILL $$")
        assert.deepStrictEqual([own.exitStatus, own.signal], [137, undefined])
        assert.strictEqual((yield* backend.kill(id, tree)).exitStatus, 137)
      })
    )
  )

  it.live("stay readable after a failure of their devbox, without an exit status, and wake whoever waits", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { backend, end, id, start } = yield* box
        const victim = yield* start("echo last words; read x", { attachStdin: true })
        yield* Stream.runHead(backend.output(id, victim, "stdout", cursorStart))
        const waiting = yield* Effect.forkChild(end(victim))
        const watching = yield* Effect.forkChild(backend.waitForStatus!(id, ["failure"], hold))
        yield* start("kill -9 -1")
        const ended = yield* Fiber.join(waiting)
        assert.deepStrictEqual(
          [ended.status, ended.exitStatus, ended.failureReason],
          ["completed", undefined, "devbox_ended"]
        )
        const failed = yield* Fiber.join(watching)
        assert.deepStrictEqual([failed.status, failed.failureReason], ["failure", "health_check_failed"])
        assert.strictEqual((yield* collect(backend, id, victim, "stdout")).stdout, "last words\n")
        assert.strictEqual((yield* Effect.flip(start("true")))._tag, "DevboxNotReady")
        yield* backend.shutdown(id)
        assert.strictEqual((yield* Effect.flip(collect(backend, id, victim, "stdout")))._tag, "OutputLost")
        assert.isUndefined((yield* backend.getExecution(id, victim)).stdout)
      })
    )
  )

  it.live("that do not exist are not found, and an expired hold answers what is now", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { backend, id, start } = yield* box
        const none = ExecutionId.make("none")
        for (const look of [
          backend.getExecution(id, none),
          backend.kill(id, none),
          backend.waitForExecution!(id, none, hold),
          Stream.runDrain(backend.output(id, none, "both", cursorStart))
        ]) {
          const error = yield* Effect.flip(look)
          assert.deepInclude(error, { _tag: "ResourceNotFound", resource: "execution", id: "none" })
        }
        const long = yield* start("sleep 60")
        assert.strictEqual((yield* backend.waitForExecution!(id, long, Duration.millis(1))).status, "running")
        assert.strictEqual((yield* backend.waitForStatus!(id, ["shutdown"], Duration.millis(1))).status, "running")
      })
    )
  )
})
