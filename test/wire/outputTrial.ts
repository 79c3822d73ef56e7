/**
 * One trial of reading output over the wire: a command that printed so many bytes, a server of ours or one as Runloop's, and for
 * each connection what becomes of it. What arrives must be what was printed, or, where the server left bytes out, an error.
 */
import { DevboxBackend, type Shape } from "@effect-devbox/core/DevboxBackend"
import { ExecutionId, ExecutionInfo, type OutputEvent } from "@effect-devbox/core/Execution"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import { VirtualTime } from "@effect-devbox/core/testing"
import { Effect, Exit, Layer, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { dice } from "../../packages/core/src/internal/chaos/random.ts"
import { cut } from "../../packages/core/src/internal/chaos/streams.ts"
import { tail } from "../../packages/core/src/internal/tail.ts"
import { devboxId, stub } from "../core/stubs.ts"
import { apiKey, type Bend, layerInProcess } from "./support.ts"

/** What happens to one connection: after so many bytes of its answer, which began so many bytes before or after what was asked. */
export interface Fault {
  readonly kind: "reset" | "408" | "408 at once" | "stall" | "stop" | "skip"
  readonly after: number
  /** The server gives bytes again that were seen. */
  readonly back: number
}

/** See above. */
export interface Trial {
  readonly seed: number
  readonly size: number
  readonly mode: "ours" | "plain"
  readonly largestChunk: number
  readonly faults: ReadonlyArray<Fault>
}

/** What came of it. */
export type Verdict = "exact" | "refused" | { readonly wrong: string }

const words = ["a", "line\n", "é", "漢字", "😀", "\uFEFF", '"', "\\", "\u2028", "\0"].map((word) =>
  new TextEncoder().encode(word)
)

/** What the command printed: any bytes, or text where only text can be carried. */
const printed = ({ mode, seed, size }: Trial): Uint8Array => {
  const data = new Uint8Array(size)
  const roll = dice(seed, "bytes")
  if (mode === "ours") {
    let state = (Math.floor(roll() * 2 ** 32) | 1) >>> 0
    for (let at = 0; at < size; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      data[at] = state >>> 24
    }
    return data
  }
  for (let at = 0; at < size;) {
    const word = words[Math.floor(roll() * words.length)]!
    const fits = at + word.length <= size ? word : words[0]!
    data.set(fits, at)
    at += fits.length
  }
  return data
}

/** A trial that depends on its seed alone. */
export const draw = (seed: number, largest: number): Trial => {
  const roll = dice(seed, "trial")
  const upTo = (most: number) => Math.floor(roll() * (most + 1))
  const size = Math.floor(largest ** roll()) - 1 + upTo(3)
  const mode = roll() < 0.7 ? "ours" : "plain"
  const largestChunk = 1 + upTo(Math.max(7, Math.min(65_535, Math.floor(size / 3))))
  const kinds: ReadonlyArray<Fault["kind"]> =
    mode === "ours"
      ? ["reset", "408", "408 at once", "stall", "stop", "skip"]
      : ["reset", "408", "408 at once", "stall"]
  // Six connections in a row without a byte are given up, so there are no more than five that may have none.
  const faults = Array.from({ length: upTo(5) }, (): Fault => ({
    // Bytes that are left out are the exception.
    kind: kinds[upTo(kinds.length - (roll() < 0.9 && mode === "ours" ? 2 : 1))]!,
    after: upTo(Math.ceil(size * 1.5) + 200),
    back: roll() < 0.5 ? 0 : upTo(Math.min(size, 100_000))
  }))
  return { seed, size, mode, largestChunk, faults }
}

const comeBack = new TextEncoder().encode('event: error\ndata: {"code":"408","message":"come again"}\n\n')

/** The events that begin within the first bytes of a body; then something else. */
const events = (body: Stream.Stream<Uint8Array, unknown>, after: number, instead: Stream.Stream<Uint8Array, unknown>) =>
  Stream.suspend(() => {
    let seen = 0
    let over = false
    return body.pipe(
      Stream.takeUntil((piece) => {
        seen += piece.length
        // The server writes one event after another, each as a piece.
        over = seen > after
        return over
      }),
      Stream.concat(Stream.suspend(() => (over ? instead : Stream.empty)))
    )
  })

const broken = (
  body: Stream.Stream<Uint8Array, unknown>,
  { after, kind }: Fault
): Stream.Stream<Uint8Array, unknown> => {
  switch (kind) {
    case "reset":
      return cut(body, after, Stream.fail(Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })))
    case "stall":
      return cut(body, after, Stream.never)
    case "408":
      return events(body, after, Stream.make(comeBack))
    case "stop":
      return events(body, after, Stream.empty)
    default:
      return body
  }
}

/** The network of a trial: the n-th connection has the n-th fault, later ones have none. */
const network = ({ faults, mode }: Trial, data: Uint8Array, skipped: () => void): Bend => {
  let opened = 0
  let fault: Fault | undefined
  const isStream = (url: URL) => url.pathname.includes("/stream_")
  return {
    request: (url) => {
      if (!isStream(url)) return url
      fault = faults[opened++]
      const bent = new URL(url)
      bent.searchParams.delete("offset")
      const asked = Number(url.searchParams.get("offset") ?? 0)
      if (fault?.kind === "skip") skipped()
      let from = fault?.kind === "skip" ? asked + 1 + fault.back : Math.max(0, asked - (fault?.back ?? 0))
      // A server that has only text repeats whole characters.
      while (mode === "plain" && from > 0 && from < data.length && (data[from]! & 0xc0) === 0x80) from -= 1
      if (from > 0) bent.searchParams.set("offset", String(from))
      return bent
    },
    response: (url, response) => {
      if (!isStream(url) || fault === undefined || response.body._tag !== "Stream") return response
      if (fault.kind === "408 at once") return HttpServerResponse.empty({ status: 408 })
      return HttpServerResponse.stream(broken(response.body.stream, fault), {
        status: response.status,
        headers: response.headers,
        contentType: "text/event-stream"
      })
    }
  }
}

const executionId = ExecutionId.make("exe")

/** The backend behind the server: it gives its bytes in chunks of any size, from any byte. */
const source = (trial: Trial, data: Uint8Array): Shape => {
  const roll = dice(trial.seed, "chunks")
  return stub({
    getExecution: () =>
      Effect.succeed(new ExecutionInfo({ devboxId, executionId, status: "completed", exitStatus: 0 })),
    output: (_id, _execution, channel, cursor) => {
      const on = channel === "both" ? "stdout" : channel
      let at = Math.min(cursor[on], data.length)
      const next = (): OutputEvent => {
        if (at >= data.length) return { _tag: "End", [on]: data.length }
        const start = at
        at = Math.min(data.length, at + 1 + Math.floor(roll() * trial.largestChunk))
        return { _tag: "Chunk", channel: on, bytes: data.subarray(start, at), start, end: at }
      }
      return Stream.takeUntil(Stream.fromEffectRepeat(Effect.sync(next)), (event) => event._tag === "End")
    }
  })
}

/** Runs a trial; `change` breaks the reader on purpose. */
export const judge = (trial: Trial, change: (client: Shape) => Shape = (client) => client): Effect.Effect<Verdict> => {
  const data = printed(trial)
  let left = false
  const bend = network(trial, data, () => (left = true))
  const options = { apiKey, baseUrl: "http://api.devbox.test" }
  const client = (trial.mode === "ours" ? RunloopBackend.layerServer(options) : RunloopBackend.layer(options)).pipe(
    Layer.provide(layerInProcess(() => {}, bend).pipe(Layer.provide(Layer.succeed(DevboxBackend, source(trial, data)))))
  )
  const reading = Effect.gen(function* () {
    const backend = change(yield* DevboxBackend)
    let at = 0
    let wrong: string | undefined
    const exit = yield* Effect.exit(
      Stream.runForEach(tail(backend, devboxId, executionId, "stdout"), ({ bytes }) =>
        Effect.sync(() => {
          if (wrong === undefined && Buffer.compare(bytes, data.subarray(at, at + bytes.length)) !== 0) {
            wrong = `byte ${at} and what follows are not what was printed`
          }
          at += bytes.length
        })
      )
    )
    if (wrong !== undefined) return { wrong }
    if (Exit.isSuccess(exit)) return at === data.length ? "exact" : { wrong: `${at} of ${data.length} bytes arrived` }
    return left ? "refused" : { wrong: String(exit.cause) }
  })
  return Effect.orDie(
    VirtualTime.run(reading.pipe(Effect.provide(client)), { limit: "10 days", seed: trial.seed })
  ) as Effect.Effect<Verdict>
}

/** Readers that are broken in one way each; the trials must find all of them out. */
export const mutants: Readonly<Record<string, (sound: Shape) => Shape>> = {
  "takes the end of a chunk for its start": (sound) => ({
    ...sound,
    output: (...args) =>
      Stream.map(sound.output(...args), (event) =>
        event._tag === "End" ? event : { ...event, start: event.end, end: event.end + event.bytes.length }
      )
  }),
  "gives again what was given before": (sound) => ({
    ...sound,
    output: (id, execution, channel, cursor) =>
      Stream.suspend(() => {
        let at = cursor.stdout
        // Asks for what is before its position, and takes all that comes for new.
        const before = { ...cursor, stdout: Math.max(0, cursor.stdout - 7) }
        return Stream.map(sound.output(id, execution, channel, before), (event) => {
          if (event._tag === "End") return event
          const start = at
          at += event.bytes.length
          return { ...event, start, end: at }
        })
      })
  }),
  "does not see a gap": (sound) => ({
    ...sound,
    output: (id, execution, channel, cursor) =>
      Stream.suspend(() => {
        let at = cursor.stdout
        return Stream.map(sound.output(id, execution, channel, cursor), (event) => {
          if (event._tag === "End") return event
          const start = Math.min(event.start, at)
          at = event.end
          return { ...event, start }
        })
      })
  }),
  "takes a connection that stops for the end": (sound) => ({
    ...sound,
    output: (id, execution, channel, cursor) =>
      Stream.concat(
        Stream.filter(sound.output(id, execution, channel, cursor), (event) => event._tag === "Chunk"),
        Stream.make({ _tag: "End" } as const)
      )
  })
}
