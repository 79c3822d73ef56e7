/** What a command's output is as text, in whole and in part, how long it took, and what its deadline covers. */
import { DevboxService } from "@effect-devbox/core"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { ExecutionId, ExecutionInfo } from "@effect-devbox/core/Execution"
import { MemoryBackend, VirtualTime } from "@effect-devbox/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Schema, Stream } from "effect"
import { devboxId, stub } from "./stubs.ts"

const on =
  (options?: MemoryBackend.Options) =>
  <A, E>(test: Effect.Effect<A, E, DevboxService | MemoryBackend.Control>) =>
    VirtualTime.run(
      Effect.provide(test, DevboxService.layer.pipe(Layer.provideMerge(MemoryBackend.layerControl(options))))
    )

const create = DevboxService.use((devboxes) => devboxes.createDetached())

/** Prints bytes, in the pieces given. */
const printing = (...pieces: ReadonlyArray<string | Uint8Array>): MemoryBackend.Options => ({
  commands: [
    {
      match: "print",
      run: ({ stdout }) =>
        Effect.as(
          // In virtual time.
          Effect.forEach(pieces, (piece) => Effect.andThen(Effect.sleep("1 second"), stdout(piece))),
          0
        )
    }
  ]
})

const mark = "\uFEFF"

describe("output as text", () => {
  it.live("keeps a byte order mark, however it is read", () =>
    Effect.gen(function* () {
      const { cmd } = yield* create
      let heard = ""
      const onStdout = (text: string) => Effect.sync(() => void (heard += text))
      const whole = yield* cmd.exec("print", { onStdout })
      const cut = yield* cmd.exec("print", { maxOutput: 4 })
      const execution = yield* cmd.execDetached("print")
      const tagged = yield* Stream.runCollect(execution.output)
      assert.deepStrictEqual(
        [
          whole.stdout,
          yield* whole.allStdout(),
          yield* Stream.mkString(whole.stdoutStream),
          heard,
          cut.stdout,
          yield* cut.allStdout(),
          yield* Stream.mkString(execution.stdout),
          ...(yield* Stream.runCollect(execution.stdoutLines)),
          tagged.map(({ text }) => text).join("")
        ],
        Array.from({ length: 9 }, () => `${mark}x`)
      )
    }).pipe(on(printing(`${mark}x`)))
  )

  it.live("comes to listeners in whole characters, and never as nothing", () =>
    Effect.gen(function* () {
      const { cmd } = yield* create
      const heard: Array<string> = []
      yield* cmd.exec("print", { onStdout: (text) => Effect.sync(() => void heard.push(text)) })
      assert.deepStrictEqual(heard, ["a", "é", "z"])
    }).pipe(on(printing("a", new Uint8Array([0xc3]), new Uint8Array([0xa9]), "z")))
  )

  it.live("of a terminal ends with what was begun", () =>
    Effect.gen(function* () {
      const { cmd } = yield* create
      const pty = yield* cmd.pty({ command: "print" })
      assert.strictEqual(yield* Stream.mkString(pty.text), "a\uFFFD")
    }).pipe(Effect.scoped, on(printing("a", new Uint8Array([0xc3]))))
  )
})

describe("the last lines", () => {
  /** As PROTOCOL P6 has them. */
  const reference = (text: string, lines: number): string =>
    lines <= 0 ? "" : text.replace(/\n+$/, "").split("\n").slice(-lines).join("\n")

  it.effect.prop(
    "are the same whether the output is at hand or has to be read",
    [
      Schema.Array(Schema.Literals(["a", "bc", "\n", "\n\n", "é\n"])).pipe(Schema.check(Schema.isMaxLength(12))),
      Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 6 })))
    ],
    ([pieces, lines]) =>
      Effect.gen(function* () {
        const { cmd } = yield* create
        const text = pieces.join("")
        for (const maxOutput of [1, 1000]) {
          const { allStdout } = yield* cmd.exec("print", { maxOutput })
          assert.strictEqual(yield* allStdout(lines), reference(text, lines))
        }
      }).pipe(on(printing(...pieces))),
    { arbitrary: { runs: 100 } }
  )

  it.live("are given of more output than a string can hold, in little memory, and after many empty lines at once", () =>
    Effect.gen(function* () {
      const chunk = new TextEncoder().encode("a line of output\n".repeat(10_000))
      const empty = new TextEncoder().encode("\n".repeat(1_000_000))
      const end = new TextEncoder().encode("x\nlast\n")
      const sizes = [...Array.from({ length: 3300 }, () => chunk), empty, end]
      const total = sizes.reduce((sum, { length }) => sum + length, 0)
      assert.isAbove(total, 2 ** 29)
      const executionId = ExecutionId.make("exe")
      const done = new ExecutionInfo({ devboxId, executionId, status: "completed", exitStatus: 0, stderr: "" })
      const backend = stub({
        startExecution: () => Effect.succeed(done),
        getExecution: () => Effect.succeed(done),
        output: (_id, _execution, _channel, cursor) => {
          let at = 0
          return Stream.concat(
            Stream.map(Stream.fromIterable(sizes), (bytes) => {
              const start = at
              at += bytes.length
              return { _tag: "Chunk" as const, channel: "stdout" as const, bytes, start, end: at }
            }),
            Stream.make({ _tag: "End" as const, stdout: total })
          ).pipe(Stream.filter((event) => event._tag === "End" || event.end > cursor.stdout))
        }
      })
      const { allStdout } = yield* DevboxService.use((devboxes) => devboxes.exec(devboxId, "print")).pipe(
        Effect.provide(Layer.provide(DevboxService.layer, Layer.succeed(DevboxBackend, backend)))
      )
      assert.strictEqual(yield* allStdout(2), "x\nlast")
      assert.strictEqual(yield* allStdout(4), "\n\nx\nlast")
    })
  )
})

describe("the deadline of exec", () => {
  const late = (options: { readonly onStdout?: () => Effect.Effect<void> }) =>
    Effect.gen(function* () {
      const { cmd } = yield* create
      yield* (yield* MemoryBackend.Control).stall("output")
      const error = yield* Effect.flip(cmd.exec("echo hello", { maxOutput: 2, timeout: "3 seconds", ...options }))
      assert.deepInclude(error, { _tag: "WaitTimeout", waitedMs: 3000, lastStatus: "completed" })
    }).pipe(on())

  it.live("is kept when the command is over and its output does not come", () => late({}))
  it.live("is kept when a listener waits for output that does not come", () => late({ onStdout: () => Effect.void }))
})

describe("the duration of a command", () => {
  it.live("is its own, also when its result is asked for later", () =>
    Effect.gen(function* () {
      const { cmd } = yield* create
      const execution = yield* cmd.execDetached("sleep 5")
      // In virtual time.
      yield* Effect.sleep("1 minute")
      assert.strictEqual(Duration.toSeconds((yield* execution.result).duration), 5)
      assert.strictEqual(Duration.toSeconds((yield* cmd.exec("sleep 2")).duration), 2)
    }).pipe(on())
  )
})
