/** Sending a stream as the body of a request, with an eye on whether anything moves, and the stream's own failure kept apart. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"
import { TransportError } from "../../DevboxError.ts"
import { silence } from "./sse.ts"
import { accepted } from "./transport.ts"

/** So large a piece is sent at once; in larger ones a slow connection could not be told from a dead one. */
const pieceSize = 256 * 1024

const pieces = <E>(contents: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
  Stream.flatMap(contents, (bytes) => {
    if (bytes.length <= pieceSize) return Stream.succeed(bytes)
    const cuts = Array.from({ length: Math.ceil(bytes.length / pieceSize) }, (_, index) => index * pieceSize)
    return Stream.fromIterable(cuts.map((at) => bytes.subarray(at, at + pieceSize)))
  })

/** Whose failure it is: the contents' own, or of sending them. */
export type UploadFailure<E> = { readonly own: E } | { readonly sent: unknown }

/** The contents' own failure as it is, and that of sending them as what it is judged to be. */
export const either = <E, E2>(
  failure: UploadFailure<E>,
  judged: (error: unknown) => Effect.Effect<never, E2>
): Effect.Effect<never, E | E2> => ("own" in failure ? Effect.fail(failure.own) : judged(failure.sent))

/** Sends the contents by a request that is made with them, and waits for the answer. */
export const uploading = <E, E2>(
  contents: Stream.Stream<Uint8Array, E>,
  send: (body: Stream.Stream<Uint8Array, E>) => Effect.Effect<HttpClientResponse.HttpClientResponse, E2>
): Effect.Effect<void, UploadFailure<E>> =>
  Effect.suspend(() => {
    // The contents' own failure must come out as it is, not as what the connection made of it.
    let failed: { readonly own: E } | undefined
    let movedAt = 0
    let awaitingSource = false
    const moved = Effect.map(Clock.currentTimeMillis, (now) => {
      movedAt = now
      awaitingSource = false
    })
    const source = Stream.tapError(pieces(contents), (own) => Effect.sync(() => (failed = { own })))
    // While a piece is awaited the time is the source's; the rest is the connection's.
    const body = Stream.transformPull(source, (pull) =>
      Effect.succeed(
        Effect.suspend(() => {
          awaitingSource = true
          return Effect.onExit(pull, () => moved)
        })
      )
    )
    const stalled = Effect.gen(function* () {
      movedAt = yield* Clock.currentTimeMillis
      while (true) {
        yield* Effect.sleep(silence)
        if (!awaitingSource && (yield* Clock.currentTimeMillis) - movedAt >= Duration.toMillis(silence)) {
          const detail = `nothing of the upload was taken, and it was not answered, for ${Duration.format(silence)}`
          return yield* new TransportError({ detail })
        }
      }
    })
    return Effect.raceFirst(
      Effect.flatMap(
        Effect.suspend(() => send(body)),
        accepted
      ),
      stalled
    ).pipe(Effect.mapError((sent): UploadFailure<E> => failed ?? { sent }))
  })
