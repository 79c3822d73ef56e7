/** Streams of events as the wire has them: JSON data only, errors as events, comments as heartbeat, a clean end (PROTOCOL P3). */
import * as Sse from "effect/encoding/Sse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Effect from "effect/Effect"
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
const comeBack = refusalFrame(holdExpired("the server stops; connect again"))

/** The answer that streams events. */
export const eventStream = <A, E extends WireError>(
  events: Stream.Stream<A, E>,
  render: (event: A) => string
): HttpServerResponse.HttpServerResponse => {
  const frames = Stream.suspend(() => {
    let ended = false
    const ending = Effect.flatMap(HeldRequests, (requests) => requests.ending)
    return events.pipe(
      Stream.map((event) => frame("message", render(event))),
      Stream.catch((error) => Stream.succeed(refusalFrame(encode(error)))),
      Stream.interruptWhen(Effect.tap(ending, () => Effect.sync(() => (ended = true)))),
      Stream.concat(Stream.suspend(() => (ended ? Stream.succeed(comeBack) : Stream.empty)))
    )
  })
  // The first comment at once: it sends the head of the answer, so that the client knows it is connected.
  const beats = Stream.map(Stream.tick(heartbeat), () => ":\n\n")
  const all = Stream.merge(frames, beats, { haltStrategy: "left" })
  return HttpServerResponse.stream(Stream.encodeText(all), {
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
