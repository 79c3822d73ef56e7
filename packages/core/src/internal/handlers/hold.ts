/** The one way the server holds a request: until something happened, or its time is over. It answers what is then, either way. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { HeldRequests } from "../../HeldRequests.ts"

/** The longest holds that the wire promises (PROTOCOL P2), in seconds. */
export const longest = { devbox: 30, execution: 25 } as const

/** Where the backend cannot hold, it is looked at this often. */
const interval = 200

/** How long to hold, given what was asked for in seconds: a fraction, nothing, or nonsense. */
export const clamp = (asked: number | undefined, limit: number): Duration.Duration =>
  Duration.seconds(Math.min(limit, Math.max(0, asked ?? limit)))

/** Holds; see above. Answers early where the server holds too much, or stops. */
export const hold = <A, E>(options: {
  readonly look: Effect.Effect<A, E>
  readonly settled: (seen: A) => boolean
  readonly wait?: ((time: Duration.Duration) => Effect.Effect<A, E>) | undefined
  readonly time: Duration.Duration
}): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const { look, settled, wait } = options
    let seen = yield* look
    if (settled(seen) || Duration.isZero(options.time)) return seen
    const { during, ending } = yield* HeldRequests
    const watch = (time: Duration.Duration) =>
      Effect.gen(function* () {
        const end = (yield* Clock.currentTimeMillis) + Duration.toMillis(time)
        while (!settled(seen)) {
          const before = yield* Clock.currentTimeMillis
          const left = end - before
          if (left <= 0) return seen
          if (wait === undefined) {
            yield* Effect.sleep(Math.min(interval, left))
            seen = yield* look
            continue
          }
          seen = yield* wait(Duration.millis(Math.min(left, longest.execution * 1000)))
          // A backend whose holds end early is not hammered.
          if (!settled(seen) && (yield* Clock.currentTimeMillis) - before < interval)
            yield* Effect.sleep(Math.min(interval, left))
        }
        return seen
      })
    return yield* during(options.time, (time) =>
      Effect.raceFirst(
        watch(time),
        Effect.map(ending, () => seen)
      )
    )
  })
