/** Keeping devboxes alive: while an Effect runs, and for as long as their owner does. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Shape } from "../../DevboxBackend.ts"
import type { BackendError, ReadyError } from "../../DevboxError.ts"
import type { CreateOptions, KeepAliveOptions } from "../../DevboxHandle.ts"
import type { DevboxId, DevboxInfo } from "../../DevboxModel.ts"
import { idempotent, keyed } from "../retry.ts"

/** A third of the time that is left from one beat to the next, so that two may be missed. */
const beatsPerLimit = 3
const slowest = Duration.minutes(5)

const spacing = (limit: Duration.Duration): Duration.Duration =>
  Duration.min(Duration.millis(Duration.toMillis(limit) / beatsPerLimit), slowest)

/** How long a devbox lives without a sign of life. */
const limitOf = ({ launchParameters: asked }: DevboxInfo): Duration.Duration => {
  const idle = asked.lifecycle?.afterIdle ?? asked.afterIdle
  return Duration.seconds(idle?.idleTimeSeconds ?? asked.keepAliveTimeSeconds ?? 3600)
}

/** Sends signs of life. A backend that cannot be reached now may be reached for the next one; a devbox that is over cannot. */
const beats = (backend: Shape, id: DevboxId, schedule: Schedule.Schedule<unknown>): Effect.Effect<void, ReadyError> => {
  const beat = keyed(backend.keepAlive(id)).pipe(
    Effect.catchIf(
      (error): error is BackendError => error._tag === "BackendError" && error.isRetryable,
      (error) => Effect.logWarning(`Devbox ${id} could not be kept alive this time: ${error.message}`)
    )
  )
  return Effect.asVoid(Effect.schedule(beat, schedule))
}

/** See `DevboxService.keepAliveWhile`. */
export const keepAliveWhile = <A, E, R>(
  backend: Shape,
  id: DevboxId,
  effect: Effect.Effect<A, E, R>,
  options: KeepAliveOptions = {}
): Effect.Effect<A, E | ReadyError, R> =>
  Effect.gen(function* () {
    yield* keyed(backend.keepAlive(id))
    const schedule = options.schedule ?? Schedule.spaced(spacing(limitOf(yield* idempotent(backend.get(id)))))
    return yield* Effect.raceFirst(effect, Effect.andThen(beats(backend, id, schedule), Effect.never))
  })

const ownerTimeout = Duration.minutes(15)

const hasOwnLimit = ({ afterIdle, keepAliveTime, launchParameters: more }: CreateOptions): boolean =>
  [afterIdle, keepAliveTime, more?.afterIdle, more?.lifecycle?.afterIdle, more?.keepAliveTimeSeconds].some(
    (limit) => limit !== undefined
  )

/**
 * How long a scoped devbox may outlive an owner that vanished, where nobody else ends it. `undefined` when it ends with its
 * owner anyway, or when its user said how long it lives.
 */
export const deadMan = (backend: Shape, options: CreateOptions): Duration.Duration | undefined => {
  if (options.ownerTimeout === false || hasOwnLimit(options)) return undefined
  if (options.ownerTimeout !== undefined) return Duration.fromInputUnsafe(options.ownerTimeout)
  return backend.capabilities.features.has("ownerBound") ? undefined : ownerTimeout
}

/** Keeps a devbox alive until the scope closes; one that is over needs it no longer. */
export const renew = (backend: Shape, id: DevboxId, limit: Duration.Duration) =>
  beats(backend, id, Schedule.spaced(spacing(limit))).pipe(
    Effect.catchTag(["DevboxNotReady", "ResourceNotFound"], () => Effect.void),
    Effect.catch((error) =>
      Effect.logWarning(`Devbox ${id} will not be kept alive for its owner any more: ${error.message}`)
    ),
    Effect.forkScoped
  )
