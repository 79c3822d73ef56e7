/** Sends again what may be sent again, judged by what the error says and never by the kind of request. Nothing else retries. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { RequestKey } from "../DevboxBackend.ts"
import { paced, pacedStream } from "./pace.ts"

/** A schedule on which the backend's own word on the delay wins. */
export const heeding = <A, E, R>(schedule: Schedule.Schedule<A, unknown, E, R>) =>
  Schedule.modifyDelay(Schedule.setInputType<unknown>()(schedule), ({ duration, input }) =>
    Effect.succeed(retryAfter(input) ?? duration)
  )

const tries = (times: number) =>
  heeding(
    Schedule.min([Schedule.exponential("250 millis"), Schedule.spaced("4 seconds")]).pipe(
      Schedule.jittered,
      Schedule.upTo({ times })
    )
  )

/** Five more tries, a quarter of a second apart, doubling up to four seconds. */
export const backoff = tries(5)

/** As {@link backoff}, for what does no harm: where four in ten requests are lost, of ten thousand calls less than five fail. */
const patient = tries(8)

interface Retryable {
  readonly isRetryable: boolean
  readonly outcome: "rejected" | "ambiguous"
  readonly retryAfter: Duration.Duration | undefined
}

const asBackendError = (error: unknown): Retryable | undefined =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "BackendError"
    ? // The tag says what it is; naming the class would make this file import every error.
      (error as unknown as Retryable)
    : undefined

const retryAfter = (error: unknown): Duration.Duration | undefined => {
  const asked = asBackendError(error)?.retryAfter
  return asked === undefined ? undefined : Duration.min(asked, Duration.minutes(1))
}

/** Whether the same call may be tried again: it was certainly not applied, or applying it twice does no harm. */
export const maySendAgain = (error: unknown, idempotent: boolean): boolean => {
  const failure = asBackendError(error)
  return failure !== undefined && failure.isRetryable && (idempotent || failure.outcome === "rejected")
}

const retried = <A, E, R>(call: Effect.Effect<A, E, R>, harmless: boolean): Effect.Effect<A, E, R> => {
  const attempt = paced(call)
  const may = (error: E) => maySendAgain(error, harmless)
  // Nearly all calls succeed at once: the schedule is built when the first has failed, and is told of that failure.
  return Effect.catch(attempt, (error) => {
    if (!may(error)) return Effect.fail(error)
    let told = false
    const again = Effect.suspend(() => {
      if (told) return attempt
      told = true
      return Effect.fail(error)
    })
    return Effect.retry(again, { schedule: harmless ? patient : backoff, while: may })
  })
}

/** Retries a call that can be repeated without harm. */
export const idempotent = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => retried(call, true)

/**
 * Retries a call only after failures that certainly did not apply it, under one request key, so that a backend which knows
 * such keys can tell a second sending from a second wish.
 */
export const once = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(retried(call, false), RequestKey, SecureRandom.uuidV7Unsafe()))

/** Opens a stream again until it has given something; what was given cannot be taken back, so later breaks are the reader's. */
export const reopened = <A, E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.suspend(() => {
    let given = false
    const noted = Stream.mapArray(pacedStream(stream), (chunk) => {
      given = true
      return chunk
    })
    return Stream.retry(
      noted,
      backoff.pipe(Schedule.while(({ input }) => Effect.succeed(!given && maySendAgain(input, true))))
    )
  })

/** As {@link idempotent}, under one request key. */
export const keyed = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(idempotent(call), RequestKey, SecureRandom.uuidV7Unsafe()))
