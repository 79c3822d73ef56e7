/**
 * Bytes → server-sent events, as the wire has them: any line ending, comments as signs of life, an event without its blank line
 * dropped (PROTOCOL P3). `retry:` and `id:` are ignored, because resuming is the service's and goes by offset. A connection on
 * which nothing comes, not even a comment, counts as lost.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TransportError, UnexpectedResponseError } from "../../DevboxError.ts"
import type { StreamFailure } from "../api/events.ts"
import { flattened } from "../flattened.ts"
import { decodeWith } from "../decode.ts"

/** How long a stream may be silent. Our server comments every 15 seconds. */
export const silence = Duration.seconds(45)

/** Why a stream could not be read on. */
export type Broken = TransportError | UnexpectedResponseError

/** The bytes of a transfer, and what comes of it when nothing comes for too long: a failure, unless told otherwise. */
export const watched = <A, E, E2 = TransportError>(
  stream: Stream.Stream<A, E>,
  quiet: (silent: TransportError) => Stream.Stream<A, E2 | TransportError> = Stream.fail
): Stream.Stream<A, E | E2 | TransportError> =>
  Stream.timeoutOrElse(stream, {
    duration: silence,
    orElse: () => quiet(new TransportError({ detail: `nothing came for ${Duration.format(silence)}` }))
  })

/** The events of a stream of bytes. */
export const parse = <E>(bytes: Stream.Stream<Uint8Array, E>): Stream.Stream<Sse.Event, E | UnexpectedResponseError> =>
  Stream.suspend(() => {
    let found: Array<Sse.Event> = []
    const parser = Sse.makeParser((event) => {
      if (event._tag === "Event") found.push(event)
    })
    return decodeWith(new TextDecoder(), bytes).pipe(
      Stream.mapEffect((text) =>
        Effect.suspend(() => {
          const problem = parser.feed(text)
          if (problem !== undefined) return Effect.fail(new UnexpectedResponseError({ detail: problem.message }))
          const events = found
          found = []
          return Effect.succeed(events)
        })
      ),
      flattened
    )
  })

/** What one event says. */
export type Said<A> =
  | { readonly _tag: "Data"; readonly data: A }
  | { readonly _tag: "Error"; readonly failure: StreamFailure }

interface ErrorEvent {
  readonly event: "error"
  readonly data: StreamFailure
}

/** The decoder for a union of events; see `internal/api/events.ts`. */
export const decoder = <A extends { readonly event: string; readonly data: unknown }, I>(
  events: Schema.ConstraintCodec<A, I>
) => {
  const decode = Schema.decodeUnknownEffect(events)
  return (event: Sse.Event): Effect.Effect<Said<Exclude<A, ErrorEvent>["data"]>, UnexpectedResponseError> =>
    decode({ event: event.event, data: event.data }).pipe(
      Effect.map((decoded) =>
        decoded.event === "error"
          ? { _tag: "Error" as const, failure: decoded.data as StreamFailure }
          : { _tag: "Data" as const, data: decoded.data as Exclude<A, ErrorEvent>["data"] }
      ),
      Effect.mapError(
        (error) =>
          new UnexpectedResponseError({ detail: `a stream sent an event that cannot be understood: ${error.message}` })
      )
    )
}
