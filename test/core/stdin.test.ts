/** The end of a command's stdin is given once all input was given, and only then; whether it arrived is never kept quiet. */
import { DevboxService } from "@effect-devbox/core"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { BackendError, TransportError } from "@effect-devbox/core/DevboxError"
import type { StdinInput } from "@effect-devbox/core/Execution"
import { MemoryBackend } from "@effect-devbox/core/testing"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"

const isEnd = (input: StdinInput): boolean => "signal" in input && input.signal === "EOF"

/** A backend that loses the input it is told to, and the list of what came through. */
const losing = (loses: (input: StdinInput) => boolean) => {
  const arrived: Array<string> = []
  const backend = Layer.effect(
    DevboxBackend,
    Effect.map(DevboxBackend, ({ sendStdin, ...sound }) => ({
      ...sound,
      sendStdin: (id, executionId, input) =>
        loses(input)
          ? Effect.fail(
              new BackendError({
                backend: "losing",
                operation: "sendStdin",
                outcome: "ambiguous",
                reason: new TransportError({ detail: "lost" })
              })
            )
          : sendStdin === undefined
            ? Effect.die("the memory backend has a stdin")
            : Effect.tap(sendStdin(id, executionId, input), () =>
                Effect.sync(() =>
                  arrived.push("signal" in input ? input.signal : new TextDecoder().decode(input.bytes))
                )
              )
    }))
  ).pipe(Layer.provide(MemoryBackend.layer()))
  return { arrived, layer: DevboxService.layer.pipe(Layer.provide(backend)) }
}

const running = (command: string) =>
  Effect.flatMap(DevboxService, (devboxes) =>
    Effect.flatMap(devboxes.create(), (devbox) => devbox.cmd.execAsync(command, { attachStdin: true }))
  )

it.effect("does not end input of which a piece was lost", () => {
  const { arrived, layer } = losing((input) => "bytes" in input && new TextDecoder().decode(input.bytes) === "b")
  return Effect.gen(function* () {
    const execution = yield* running("cat")
    const error = yield* Effect.flip(Stream.run(Stream.make("a", "b", "c"), execution.stdin))
    assert.strictEqual(error._tag, "BackendError")
    assert.deepStrictEqual(arrived, ["a"])
    assert.strictEqual((yield* execution.getState).status, "running")
  }).pipe(Effect.scoped, Effect.provide(layer))
})

it.effect("does not end input whose source failed", () => {
  const { arrived, layer } = losing(() => false)
  return Effect.gen(function* () {
    const execution = yield* running("cat")
    const cut = Stream.concat(Stream.make("a"), Stream.fail("the source broke" as const))
    assert.strictEqual(yield* Effect.flip(Stream.run(cut, execution.stdin)), "the source broke")
    assert.deepStrictEqual(arrived, ["a"])
  }).pipe(Effect.scoped, Effect.provide(layer))
})

it.effect("says that the end was lost while the command waits for it", () => {
  const { arrived, layer } = losing(isEnd)
  return Effect.gen(function* () {
    const execution = yield* running("cat")
    const error = yield* Effect.flip(Stream.run(Stream.make("a"), execution.stdin))
    assert.strictEqual(error._tag, "BackendError")
    assert.deepStrictEqual(arrived, ["a"])
  }).pipe(Effect.scoped, Effect.provide(layer))
})

it.effect("misses nothing when the command is over before its input ends", () => {
  const { arrived, layer } = losing(() => false)
  return Effect.gen(function* () {
    const execution = yield* running("cat")
    const late = Stream.concat(
      Stream.make("one\n"),
      Stream.unwrap(Effect.as(Effect.ignore(execution.kill()), Stream.empty))
    )
    yield* Stream.run(late, execution.stdin)
    assert.deepStrictEqual(arrived, ["one\n"])
  }).pipe(Effect.scoped, Effect.provide(layer))
})
