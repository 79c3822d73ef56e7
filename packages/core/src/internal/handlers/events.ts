/** Streams of events as the wire has them: JSON data only, errors as events, comments as heartbeat, a clean end (PROTOCOL P3). */
import * as Sse from "effect/encoding/Sse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { HeldRequests } from "../../HeldRequests.ts"
import { OutputEvents, StreamFailure } from "../api/events.ts"
import { encode, holdExpired, type Refusal, type WireError } from "../wireError.ts"

/** Python's client gives up after 30 silent seconds. */
const heartbeat = "15 seconds"

const frame = (event: string, data: string): string => Sse.encoder.write({ _tag: "Event", event, id: undefined, data })

const encodeError = Schema.encodeSync(OutputEvents)

/** A refusal as an event. */
const refusalFrame = ({ body, status }: Refusal): string => {
  const { data } = encodeError({
    event: "error",
    data: new StreamFailure({
      // Official clients read the status here, as a numeral.
      code: String(status),
      message: body.message,
      ...(body.code === undefined ? {} : { kind: body.code }),
      details: body.details
    })
  })
  return frame("error", data)
}

/** After it clients connect again with the position that they have reached; a clean end would say that there is no more. */
const comeBack = refusalFrame(holdExpired("the server stops, or streams too much; connect again"))

/** How many pieces of a stream wait for a slow client before its source has to. */
const ahead = 16

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const comment = bytesOf(":\n\n")

/** As text a piece stays small enough to be young garbage, unless one event is larger. */
const largest = 32 * 1024

/** Texts in as few pieces as are small. */
const piecesOf = (texts: ReadonlyArray<string>): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  let open = ""
  for (const text of texts) {
    if (open !== "" && open.length + text.length > largest) {
      pieces.push(bytesOf(open))
      open = ""
    }
    open += text
  }
  return [...pieces, bytesOf(open)]
}

/** The answer that streams events. What is there at once is sent at once, in one piece. */
export const eventStream = <A, E extends WireError>(
  events: Stream.Stream<A, E>,
  render: (event: A) => string
): HttpServerResponse.HttpServerResponse => {
  const body = Stream.callback<Uint8Array>(
    Effect.fnUntraced(function* (queue) {
      const { during, ending } = yield* HeldRequests
      const send = (text: string) => Queue.offer(queue, bytesOf(text))
      // The first comment at once: it sends the head of the answer, so that the client knows it is connected.
      Queue.offerUnsafe(queue, comment)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(heartbeat), Queue.offer(queue, comment))))
      // A stream is held like any other request: for as long as it takes, or for a moment where there are too many.
      const held = during(Duration.infinity, (time) =>
        Duration.isFinite(time) ? Effect.raceFirst(ending, Effect.sleep(time)) : ending
      )
      yield* Effect.forkScoped(Effect.flatMap(held, () => Effect.andThen(send(comeBack), Queue.end(queue))))
      const frames = Stream.runForEachArray(events, (some) =>
        Queue.offerAll(queue, piecesOf(some.map((event) => frame("message", render(event)))))
      )
      yield* Effect.catch(frames, (error) => send(refusalFrame(encode(error))))
      yield* Queue.end(queue)
    }),
    { bufferSize: ahead, strategy: "suspend" }
  )
  return HttpServerResponse.stream(body, {
    contentType: "text/event-stream",
    headers: { "cache-control": "no-cache", "x-accel-buffering": "no" }
  })
}

/** Renders the data of an event by its schema. */
export const renderer = <A extends { readonly event: string; readonly data: unknown }>(
  events: Schema.ConstraintCodec<A, { readonly event: string; readonly data: string }>
): ((data: Exclude<A, { readonly event: "error" }>["data"]) => string) => {
  const write = Schema.encodeSync(events)
  // Every member of such a union but the error has these two fields, and its data is what is given.
  return (data) => write({ event: "message", data } as unknown as A).data
}
