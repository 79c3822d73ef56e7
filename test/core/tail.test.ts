/** Every byte once and in order, whatever happens to the connections; and what must be an error is one. */
import { assert, describe, it } from "@effect/vitest"
import type { Shape } from "@effect-devbox/core/DevboxBackend"
import { type Channel, ExecutionId, type OutputCursor, type OutputEvent } from "@effect-devbox/core/Execution"
import { Effect, Exit, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { tail } from "../../packages/core/src/internal/tail.ts"
import { devboxId, failure, stub } from "./stubs.ts"

const executionId = ExecutionId.make("exe")

/** How one connection behaves: where it starts before the cursor, how it is cut into chunks, after how many it ends and how. */
const Connection = Schema.Struct({
  back: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 9 }))),
  sizes: Schema.Array(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 40 })))).pipe(
    Schema.check(Schema.isMaxLength(6))
  ),
  end: Schema.Literals(["reset", "silent", "early"]),
  replay: Schema.Boolean
})
type Connection = typeof Connection.Type

const Script = Schema.Struct({
  size: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 600 }))),
  connections: Schema.Array(Connection).pipe(Schema.check(Schema.isMaxLength(5)))
})

const pattern = (size: number, seed: number) =>
  Uint8Array.from({ length: size }, (_, at) => (at * 31 + seed * 7 + (at >> 8)) & 0xff)

interface Faults {
  /** Reads the request's cursor as the start of the last chunk instead of its end. */
  readonly gap?: boolean
}

/** A backend whose output goes wrong as the script says and then, once the script is over, right. */
const scripted = (data: Uint8Array, connections: ReadonlyArray<Connection>, faults: Faults = {}): Shape => {
  let at = 0
  const chunk = (channel: Channel, start: number, end: number): OutputEvent => ({
    _tag: "Chunk",
    channel,
    bytes: data.subarray(start, end),
    start,
    end
  })
  return stub({
    output: (_id, _execution, channel, cursor: OutputCursor) => {
      const on = channel === "both" ? "stdout" : channel
      const script = connections[at++]
      const end: OutputEvent = { _tag: "End", [on]: data.length }
      if (script === undefined) {
        const from = faults.gap === true && cursor[on] > 0 ? cursor[on] + 1 : cursor[on]
        return from < data.length ? Stream.make(chunk(on, from, data.length), end) : Stream.make(end)
      }
      const events: Array<OutputEvent> = []
      let position = Math.max(0, cursor[on] - script.back)
      for (const size of script.sizes) {
        if (position >= data.length) break
        const stop = Math.min(data.length, position + size)
        events.push(chunk(on, position, stop))
        if (script.replay) events.push(chunk(on, position, stop))
        position = stop
      }
      const given = Stream.fromIterable(events)
      if (script.end === "reset") return Stream.concat(given, Stream.fail(failure("rejected")))
      // Says that it is over although bytes are missing; the promise tells.
      return script.end === "early" ? Stream.concat(given, Stream.make(end)) : given
    }
  })
}

const read = (backend: Shape, channel: Channel) =>
  Effect.gen(function* () {
    const stream = tail(backend, devboxId, executionId, channel)
    const fiber = yield* Effect.forkChild(Effect.exit(Stream.runCollect(stream)), { startImmediately: true })
    // A long script gives way in between; a sleep that begins after one adjustment waits for the next.
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 hour")
    const exit = yield* Fiber.join(fiber)
    return Exit.map(exit, (chunks) => Buffer.concat(chunks.map((chunk) => chunk.bytes)))
  })

describe("tail", () => {
  it.effect.prop(
    "gives every byte once and in order through any cuts, overlaps and replays",
    [Script, Schema.Literals(["stdout", "stderr"])],
    ([{ connections, size }, channel]) =>
      Effect.gen(function* () {
        const data = pattern(size, connections.length)
        const exit = yield* read(scripted(data, connections), channel)
        assert.isTrue(Exit.isSuccess(exit), String(exit))
        if (Exit.isSuccess(exit)) assert.deepStrictEqual(exit.value, Buffer.from(data))
      }),
    { arbitrary: { runs: 500 } }
  )

  it.effect("starts at the beginning each time it is run", () =>
    Effect.gen(function* () {
      const data = pattern(100, 3)
      const backend = scripted(data, [])
      for (let run = 0; run < 2; run++) {
        const exit = yield* read(backend, "stdout")
        assert.deepStrictEqual(exit, Exit.succeed(Buffer.from(data)))
      }
    })
  )

  it.effect("fails with OutputLost when bytes are left out", () =>
    Effect.gen(function* () {
      const cut: Connection = { back: 0, sizes: [10], end: "reset", replay: false }
      const exit = yield* read(scripted(pattern(100, 1), [cut], { gap: true }), "stdout")
      const error = yield* Effect.flip(exit)
      assert.strictEqual(error._tag, "OutputLost")
    })
  )

  it.effect("fails with OutputLost when the promised length never comes", () =>
    Effect.gen(function* () {
      const short: OutputEvent = { _tag: "End", stdout: 5 }
      const exit = yield* read(stub({ output: () => Stream.make(short) }), "stdout")
      const error = yield* Effect.flip(exit)
      assert.isTrue(error._tag === "OutputLost" || error._tag === "BackendError", error._tag)
    })
  )

  it.effect("gives up on a connection that is refused again and again, with the reason", () =>
    Effect.gen(function* () {
      let opened = 0
      const backend = stub({
        output: () =>
          Stream.suspend(() => {
            opened++
            return Stream.fail(failure("rejected"))
          })
      })
      const error = yield* Effect.flip(yield* read(backend, "stdout"))
      assert.strictEqual(error._tag, "BackendError")
      assert.strictEqual(opened, 6)
    })
  )

  it.effect("does not count connections that lasted among those that failed in a row", () =>
    Effect.gen(function* () {
      let opened = 0
      const broken = Stream.fail(failure("rejected"))
      const backend = stub({
        output: () =>
          Stream.suspend(() => {
            opened++
            if (opened === 40) return Stream.make<[OutputEvent]>({ _tag: "End", stdout: 0 })
            // Four in a row break at once; those between last for minutes.
            return opened % 5 === 0 ? Stream.concat(Stream.fromEffectDrain(Effect.sleep("3 minutes")), broken) : broken
          })
      })
      const exit = yield* read(backend, "stdout")
      assert.isTrue(Exit.isSuccess(exit), String(exit))
      assert.strictEqual(opened, 40)
    })
  )

  it.effect("does not repeat what cannot succeed", () =>
    Effect.gen(function* () {
      let opened = 0
      const backend = stub({
        output: () =>
          Stream.suspend(() => {
            opened++
            return Stream.fail(failure("rejected", { retryable: false }))
          })
      })
      yield* Effect.flip(yield* read(backend, "stdout"))
      assert.strictEqual(opened, 1)
    })
  )
})
