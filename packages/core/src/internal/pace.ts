/**
 * How fast a fleet asks: when the backend says "too many requests" to one of its calls, all of them wait, and go on slowly
 * until it is seen that more is possible. Without a pace calls go as they come.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BackendError } from "../DevboxError.ts"

/** See above. */
export interface Pace {
  /** Waits until a call may be made; gives a word to hand to the other two. */
  readonly turn: Effect.Effect<number>
  /** A call that was let go with this word was told to come later. */
  readonly refused: (turn: number, retryAfter: Duration.Duration | undefined) => Effect.Effect<void>
  /** A call went through. */
  readonly succeeded: Effect.Effect<void>
  /** Whether to try again after another refusal, or to let the caller hear of it. */
  readonly patient: Effect.Effect<boolean>
  /** How often the whole fleet had to slow down. */
  readonly slowed: () => number
}

/** The pace of the fleet that the present fiber belongs to. */
export const CurrentPace = Context.Reference<Pace | undefined>("effect-devbox/CurrentPace", {
  defaultValue: () => undefined
})

/** Between calls after a refusal, in milliseconds: at first, and at most. Below the last it is not worth waiting. */
const firstGap = 50
const largestGap = 5000
const smallestGap = 5
/** How long to wait where the backend does not say. */
const defaultPause = 1000
/** How long nothing may go through before callers hear of it. */
const patience = Duration.toMillis("5 minutes")

/** A pace at full speed. */
export const makePace = (): Pace => {
  let episode = 0
  let pausedUntil = 0
  let nextAt = 0
  let gap = 0
  let lastSuccess: number | undefined
  return {
    slowed: () => episode,
    turn: Effect.gen(function* () {
      while (true) {
        const now = yield* Clock.currentTimeMillis
        lastSuccess ??= now
        const at = Math.max(now, nextAt)
        nextAt = at + gap
        if (at > now) yield* Effect.sleep(Duration.millis(at - now))
        // A pause that began meanwhile is for everybody, whatever place they had before.
        if (at >= pausedUntil) return episode
      }
    }),
    refused: (turn, retryAfter) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        pausedUntil = Math.max(
          pausedUntil,
          now + (retryAfter === undefined ? defaultPause : Duration.toMillis(retryAfter))
        )
        nextAt = Math.max(nextAt, pausedUntil)
        // Calls that were under way together are refused together, and that is one sign, not many.
        if (turn !== episode) return
        episode += 1
        gap = Math.min(largestGap, Math.max(firstGap, gap * 2))
      }),
    succeeded: Effect.map(Clock.currentTimeMillis, (now) => {
      lastSuccess = now
      gap = gap < smallestGap ? 0 : gap * 0.9
    }),
    patient: Effect.map(Clock.currentTimeMillis, (now) => now - (lastSuccess ?? now) < patience)
  }
}

const refusal = (error: unknown): BackendError | undefined => {
  const failure = error as Partial<BackendError> | null | undefined
  return failure?._tag === "BackendError" && failure.reason?._tag === "RateLimitError"
    ? (failure as BackendError)
    : undefined
}

/** A call at the pace of its fleet. Refusals do not reach the caller as long as the fleet is patient. */
export const paced = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(CurrentPace, (pace) => {
    if (pace === undefined) return call
    const attempt: Effect.Effect<A, E, R> = Effect.flatMap(pace.turn, (turn) =>
      Effect.matchEffect(call, {
        onSuccess: (value) => Effect.as(pace.succeeded, value),
        onFailure: (error) => {
          const refused = refusal(error)
          if (refused === undefined) return Effect.fail(error)
          return Effect.flatMap(Effect.andThen(pace.refused(turn, refused.retryAfter), pace.patient), (patient) =>
            // Only what certainly was not done is done again here.
            patient && refused.outcome === "rejected" ? attempt : Effect.fail(error)
          )
        }
      })
    )
    return attempt
  })

/** A stream that is opened at the pace of its fleet. Refusals reach the reader, who opens it again. */
export const pacedStream = <A, E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.flatMap(CurrentPace, (pace) =>
      pace === undefined
        ? Effect.succeed(stream)
        : Effect.map(pace.turn, (turn) =>
            Stream.tapError(stream, (error) => {
              const refused = refusal(error)
              return refused === undefined ? Effect.void : pace.refused(turn, refused.retryAfter)
            })
          )
    )
  )
