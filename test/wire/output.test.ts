/** Output over server-sent events: every way an event can be written, both readings of `offset`, and every way a stream can stop. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { DevboxId } from "@effect-devbox/core/DevboxModel"
import { cursorStart, ExecutionId, type OutputEvent } from "@effect-devbox/core/Execution"
import { Effect, Exit, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { tail } from "../../packages/core/src/internal/tail.ts"
import { type Asked, type Body, canned, executionView, type Reply } from "./canned.ts"

const devboxId = DevboxId.make("dbx_1")
const executionId = ExecutionId.make("exec_1")

const sse = (body: Body, status = 200): Reply => ({ status, headers: { "content-type": "text/event-stream" }, body })

const isStream = (asked: Asked) => asked.path.includes("/stream_")

/** Reads stdout once, from a position, from a server whose command is completed. */
const read = (body: Body, from = 0, completed = true) => {
  const { layer } = canned((asked) =>
    isStream(asked) ? sse(body) : { body: executionView({ status: completed ? "completed" : "running" }) }
  )
  return DevboxBackend.use((backend) =>
    Stream.runCollect(backend.output(devboxId, executionId, "stdout", { ...cursorStart, stdout: from }))
  ).pipe(Effect.provide(layer))
}

const text = (events: ReadonlyArray<OutputEvent>): string =>
  events
    .map((event) => (event._tag === "Chunk" ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(event.bytes) : ""))
    .join("")

const positions = (events: ReadonlyArray<OutputEvent>) =>
  events.map((event) => (event._tag === "Chunk" ? [event.start, event.end] : event._tag))

const chunk = (output: string, offset?: number) => `data: ${JSON.stringify({ output, offset })}\n\n`

describe("an event", () => {
  it.effect.each(["\n", "\r", "\r\n"])("is understood with lines that end in %j", (newline) =>
    Effect.gen(function* () {
      const body = [
        ": hello",
        "",
        `data: {"output":"a",`,
        `data: "offset":1}`,
        "",
        `data:{"output":"b","offset":2}`,
        "",
        ""
      ]
      const events = yield* read({ pieces: [body.join(newline)] })
      assert.strictEqual(text(events), "ab")
      assert.deepStrictEqual(positions(events), [[0, 1], [1, 2], "End"])
    })
  )

  it.effect("is understood however its bytes are cut, within characters and line ends too", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode(`: é\r\n\r\ndata: {"output":"😀é","offset":6}\r\n\r\n`)
      const events = yield* read({ pieces: Array.from(bytes, (byte) => new Uint8Array([byte])) })
      assert.strictEqual(text(events), "😀é")
    })
  )

  it.effect("is data whatever its name, and `id:` and `retry:` change nothing", () =>
    Effect.gen(function* () {
      const events = yield* read({
        pieces: [`retry: 5\n\nevent: update\nid: 7\n${chunk("a", 1)}`, `retry: 9\n\n${chunk("b", 2)}`]
      })
      assert.strictEqual(text(events), "ab")
      assert.deepStrictEqual(events.at(-1), { _tag: "End" })
    })
  )

  it.effect("without its blank line at the end is dropped", () =>
    Effect.gen(function* () {
      const events = yield* read({ pieces: [`${chunk("a", 1)}data: {"output":"b","offset":2}\n`] })
      assert.strictEqual(text(events), "a")
    })
  )

  it.effect("with a null offset counts its own bytes", () =>
    Effect.gen(function* () {
      const events = yield* read({ pieces: [`data: {"output":"é","offset":null}\n\n`, chunk("b")] })
      assert.deepStrictEqual(positions(events), [[0, 2], [2, 3], "End"])
    })
  )

  it.effect("that is no JSON fails with a reason, once", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read({ pieces: ["data: [DONE]\n\n"] }))
      assert.strictEqual(error._tag === "BackendError" ? error.reason._tag : error._tag, "UnexpectedResponseError")
    })
  )
})

describe("an offset", () => {
  it.effect("that is the position after the chunk is the cursor", () =>
    Effect.gen(function* () {
      const events = yield* read({ pieces: [chunk("hello ", 6), chunk("worl\n", 11)] })
      assert.deepStrictEqual(positions(events), [[0, 6], [6, 11], "End"])
    })
  )

  it.effect("that is the position before the chunk is read as that", () =>
    Effect.gen(function* () {
      const events = yield* read({ pieces: [chunk("hello ", 0), chunk("worl\n", 6)] })
      assert.deepStrictEqual(positions(events), [[0, 6], [6, 11], "End"])
    })
  )

  it.effect("keeps its meaning for reads that do not begin at the beginning", () => {
    const { layer } = canned((asked) =>
      isStream(asked)
        ? sse({ pieces: asked.query["offset"] === undefined ? [chunk("ab", 0)] : [chunk("cd", 2), chunk("ef", 4)] })
        : { body: executionView() }
    )
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const from = (stdout: number) =>
        Stream.runCollect(backend.output(devboxId, executionId, "stdout", { ...cursorStart, stdout }))
      yield* from(0)
      assert.deepStrictEqual(positions(yield* from(2)), [[2, 4], [4, 6], "End"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("stays the cursor when bytes were replaced and the text has another length", () =>
    Effect.gen(function* () {
      // Two bytes of the command's output, four of the text's.
      const events = yield* read({ pieces: [chunk("\uFFFDx", 2), chunk("y", 3)] })
      assert.deepStrictEqual(positions(events), [[0, 2], [2, 3], "End"])
      assert.strictEqual(text(events), "\uFFFDxy")
    })
  )

  it.effect("that is the position before a chunk loses nothing after bytes that were replaced", () =>
    Effect.gen(function* () {
      // One byte, four bytes of which one was replaced, three bytes, and a replacement character that was there.
      const events = yield* read({
        pieces: [chunk("\uFFFD", 0), chunk("abc\uFFFD", 1), chunk("def", 5), chunk("\uFFFD", 8), chunk("g", 11)]
      })
      assert.strictEqual(text(events), "\uFFFDabc\uFFFDdef\uFFFDg")
      assert.deepStrictEqual(positions(events), [[0, 1], [1, 5], [5, 8], [8, 9], [9, 12], "End"])
    })
  )

  it.effect("of a chunk that was seen before drops it, and of one that overlaps cuts it", () =>
    Effect.gen(function* () {
      const events = yield* read({ pieces: [chunk("cd", 4), chunk("cd", 4), chunk("cdef", 6)] }, 2)
      assert.strictEqual(text(events), "cdef")
      assert.deepStrictEqual(positions(events), [[2, 4], [4, 6], "End"])
    })
  )

  it.effect("that leaves bytes out is shown as a gap", () =>
    Effect.gen(function* () {
      const events = yield* read({ pieces: [chunk("ab", 2), chunk("ef", 6)] })
      assert.deepStrictEqual(positions(events), [[0, 2], [4, 6], "End"])
    })
  )
})

describe("a stream", () => {
  it.effect("that ends in order while the command runs has no end", () =>
    Effect.gen(function* () {
      const events = yield* read({ pieces: [chunk("a", 1)] }, 0, false)
      assert.deepStrictEqual(positions(events), [[0, 1]])
    })
  )

  it.effect.each(["408", 408])("that says %j stops without an end, to be read on", (code) =>
    Effect.gen(function* () {
      const idle = `event: error\ndata: ${JSON.stringify({ code, message: "idle" })}\n\n`
      const events = yield* read({ pieces: [chunk("a", 1) + idle + chunk("b", 2)] })
      assert.deepStrictEqual(positions(events), [[0, 1]])
    })
  )

  it.effect("that is refused with 408 stops without an end", () => {
    const { layer } = canned(() => ({ status: 408, body: { message: "idle" } }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const events = yield* Stream.runCollect(backend.output(devboxId, executionId, "stdout", cursorStart))
      assert.deepStrictEqual(events, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect.each([
    ["404", "ResourceNotFound"],
    [500, "BackendError"],
    ["nonsense", "BackendError"]
  ] as const)("that says error %j fails with %s", ([code, tag]) =>
    Effect.gen(function* () {
      const body = { pieces: [`event: error\ndata: ${JSON.stringify({ code, message: "no" })}\n\n`] }
      assert.strictEqual((yield* Effect.flip(read(body)))._tag, tag)
    })
  )

  it.effect("that breaks fails with TransportError and is never in doubt", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read({ pieces: [chunk("a", 1)], then: "reset" }))
      if (error._tag !== "BackendError") assert.fail(error._tag)
      assert.strictEqual(error.reason._tag, "TransportError")
      assert.strictEqual(error.outcome, "rejected")
      assert.isTrue(error.isRetryable)
    })
  )

  it.effect("on which nothing comes, not even a comment, counts as lost", () =>
    Effect.gen(function* () {
      const silent = read({ pieces: [chunk("a", 1)], then: "silence" })
      const fiber = yield* Effect.forkChild(Effect.flip(silent), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.include(error.message, "nothing came for")
    })
  )

  it.effect(
    "of a command that runs and says nothing is read on, however long, and one of a completed command is not",
    () => {
      let running = true
      const { asked, layer } = canned((request) =>
        isStream(request)
          ? sse({ pieces: [], then: "silence" })
          : { body: executionView({ status: running ? "running" : "completed" }) }
      )
      return Effect.gen(function* () {
        const backend = yield* DevboxBackend
        const reading = Stream.runCollect(tail(backend, devboxId, executionId, "stdout"))
        const fiber = yield* Effect.forkChild(Effect.flip(reading), { startImmediately: true })
        for (let minute = 0; minute < 60; minute++) yield* TestClock.adjust("1 minute")
        assert.isUndefined(fiber.pollUnsafe())
        assert.isAbove(asked.filter(isStream).length, 60)
        running = false
        for (let minute = 0; minute < 10; minute++) yield* TestClock.adjust("1 minute")
        const error = yield* Fiber.join(fiber)
        assert.include(error.message, "nothing came for")
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("of a command that is gone when it falls silent fails with ResourceNotFound", () => {
    const { layer } = canned((request) =>
      isStream(request) ? sse({ pieces: [], then: "silence" }) : { status: 404, body: { message: "gone" } }
    )
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const reading = Stream.runCollect(backend.output(devboxId, executionId, "stdout", cursorStart))
      const fiber = yield* Effect.forkChild(Effect.flip(reading), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "ResourceNotFound")
    }).pipe(Effect.provide(layer))
  })

  it.effect("of notices that falls silent has ended, without a failure", () => {
    const notice = `data: {"devbox_id":"dbx_1","eviction_deadline_ms":1}\n\n`
    const { layer } = canned(() => sse({ pieces: [notice], then: "silence" }))
    return Effect.gen(function* () {
      const { notices } = yield* DevboxBackend
      const fiber = yield* Effect.forkChild(Stream.runCollect(notices), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("that is no stream of events is not taken for an empty one", () => {
    const { layer } = canned(() => ({ headers: { "content-type": "text/plain" }, body: "" }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const output = Stream.runCollect(backend.output(devboxId, executionId, "stdout", cursorStart))
      assert.include((yield* Effect.flip(output)).message, "text/plain")
      assert.include((yield* Effect.flip(Stream.runCollect(backend.notices))).message, "text/plain")
    }).pipe(Effect.provide(layer))
  })

  it.effect("asks for events, from the position after what was seen", () => {
    const { asked, layer } = canned(() => sse({ pieces: [] }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const from = (stdout: number) =>
        Effect.ignore(Stream.runCollect(backend.output(devboxId, executionId, "stdout", { ...cursorStart, stdout })))
      yield* from(0)
      yield* from(11)
      const [first, second] = asked.filter(isStream)
      assert.strictEqual(first?.headers["accept"], "text/event-stream")
      assert.deepStrictEqual(first?.query, {})
      assert.deepStrictEqual(second?.query, { offset: "11" })
    }).pipe(Effect.provide(layer))
  })

  it.effect("of both outputs ends once, when both have", () =>
    Effect.gen(function* () {
      const { layer } = canned((asked) =>
        isStream(asked)
          ? sse({
              pieces: [chunk(asked.path.includes("stdout") ? "out" : "err!", asked.path.includes("stdout") ? 3 : 4)]
            })
          : { body: executionView() }
      )
      const events = yield* DevboxBackend.use((backend) =>
        Stream.runCollect(backend.output(devboxId, executionId, "both", cursorStart))
      ).pipe(Effect.provide(layer))
      assert.deepStrictEqual(events.filter((event) => event._tag === "End").length, 1)
      assert.strictEqual(events.at(-1)?._tag, "End")
      assert.strictEqual(events.length, 3)
    })
  )

  it.effect("of both outputs stops when one of them does, although the other goes on", () =>
    Effect.gen(function* () {
      const { layer } = canned((asked) =>
        isStream(asked)
          ? sse(asked.path.includes("stdout") ? { pieces: [chunk("a", 1)], then: "silence" } : { pieces: [] })
          : { body: executionView({ status: "running" }) }
      )
      const events = yield* DevboxBackend.use((backend) =>
        Stream.runCollect(backend.output(devboxId, executionId, "both", cursorStart))
      ).pipe(Effect.provide(layer))
      assert.isTrue(events.every((event) => event._tag === "Chunk"))
    })
  )
})

/** Where connections are cut, in characters of the output, how the pieces of one are sized, and how it ends. */
const Connection = Schema.Struct({
  length: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  sizes: Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 }))),
  wire: Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 23 }))),
  then: Schema.Literals(["end", "reset", "408"])
})

const cut = <A extends string | Uint8Array>(whole: A, sizes: ReadonlyArray<number>): Array<A> => {
  const parts: Array<A> = []
  for (let at = 0, index = 0; at < whole.length; index++) {
    const size = sizes[index % sizes.length]!
    parts.push(whole.slice(at, at + size) as A)
    at += size
  }
  return parts
}

const words = ["a", "é", "漢", "😀", "\n", " ", "\uFEFF", '"', "\\", "\u2028"]
const bytesOf = (value: string) => new TextEncoder().encode(value)

describe("events → chunks → tail", () => {
  let script: (asked: Asked) => Reply = () => "never"
  // One backend for every run: what is tried here is the reading, not the making.
  const backend = Effect.runSync(Effect.provide(Effect.service(DevboxBackend), canned((asked) => script(asked)).layer))
  it.effect.prop(
    "give the whole output once, through any cuts, connections and either meaning of offset",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))),
      Schema.Array(Connection),
      Schema.Literals(["start", "end"])
    ],
    ([indices, connections, meaning]) =>
      Effect.gen(function* () {
        const whole = indices.map((index) => words[index]!)
        const output = whole.join("")
        let next = 0
        script = (asked) => {
          if (!isStream(asked)) return { body: executionView() }
          const from = Number(asked.query["offset"] ?? 0)
          // The characters from the position on.
          let at = 0
          let skip = 0
          while (at < from) at += bytesOf(whole[skip++]!).length
          const rest = whole.slice(skip)
          const connection = connections[next++]
          const part = connection === undefined ? rest : rest.slice(0, connection.length)
          // A stream that is cut short says so by breaking, or by 408; one that ends in order is complete.
          const then = part.length === rest.length ? "end" : connection!.then === "end" ? "reset" : connection!.then
          let position = from
          const groups: Array<string> = []
          for (let index = 0, group = 0; index < part.length; group++) {
            const size = connection?.sizes[group % connection.sizes.length] ?? 3
            groups.push(part.slice(index, index + size).join(""))
            index += size
          }
          const frames = groups.map((group) => {
            const start = position
            position += bytesOf(group).length
            return chunk(group, meaning === "end" ? position : start)
          })
          const idle = then === "408" ? `event: error\ndata: {"code":"408"}\n\n` : ""
          const wire = bytesOf(`: beat\n\n${frames.join("")}${idle}`)
          return sse({ pieces: cut(wire, connection?.wire ?? [64]), then: then === "reset" ? "reset" : "end" })
        }
        const read = Stream.runCollect(tail(backend, devboxId, executionId, "stdout"))
        const fiber = yield* Effect.forkChild(Effect.exit(read), { startImmediately: true })
        // A long script gives way in between; a sleep that begins after one adjustment waits for the next.
        while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 hour")
        const exit = yield* Fiber.join(fiber)
        // Six connections in a row without a byte are given up; the script may have that many.
        if (Exit.isFailure(exit)) return assert.isAbove(connections.filter(({ length }) => length === 0).length, 5)
        assert.strictEqual(text(exit.value), output)
      }),
    { arbitrary: { runs: 300 } }
  )
})
