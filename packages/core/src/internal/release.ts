/**
 * The one way a devbox is ended for good: shut down, retried within a budget, verified, and reported when it cannot be
 * confirmed. It never fails. Deliberate shutdowns of users do not come through here; scopes and compensations do.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Shape } from "../DevboxBackend.ts"
import type { ShutdownError } from "../DevboxError.ts"
import { report } from "../DevboxLeaks.ts"
import type { DevboxId, DevboxInfo } from "../DevboxModel.ts"
import { CurrentPace, paced } from "./pace.ts"
import { heeding, idempotent } from "./retry.ts"

const budget = Duration.seconds(60)
/** In a fleet that was told to slow down, waiting for one's turn is most of the time. */
const fleetBudget = Duration.minutes(10)
/** A snapshot in progress is given this long to finish before the devbox is ended under it. */
const patience = Duration.seconds(30)

const isOver = (info: DevboxInfo): boolean => info.status === "shutdown" || info.status === "failure"

const pace = heeding(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]))

/** Cleaning up that ends: what takes too long, because the backend does not answer, is given up with a word about it. */
export const withinBudget = (
  cleanup: Effect.Effect<void>,
  unconfirmed: (detail: string) => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.flatMap(CurrentPace, (fleet) => {
    const duration = fleet === undefined ? budget : fleetBudget
    return Effect.timeoutOrElse(cleanup, {
      duration,
      orElse: () => unconfirmed(`it was not confirmed within ${Duration.format(duration)}`)
    })
  })

/** Shuts a devbox down and makes sure; see above. */
export const release = (backend: Shape, id: DevboxId): Effect.Effect<void> => {
  const shutdown = paced(backend.shutdown(id))
  const force = paced(backend.shutdown(id, { force: true }))
  const politely = shutdown.pipe(
    Effect.retry({ schedule: pace, while: (error) => error._tag === "Conflict" }),
    Effect.timeoutOrElse({ duration: patience, orElse: () => force }),
    Effect.catchTag("Conflict", () => force)
  )
  const gone = (error: ShutdownError): Effect.Effect<boolean, ShutdownError> =>
    error._tag === "ResourceNotFound" ? Effect.succeed(true) : Effect.fail(error)
  const look = Effect.catch(Effect.map(paced(backend.get(id)), isOver), gone)
  const attempt = politely.pipe(
    Effect.map(isOver),
    Effect.catch(gone),
    Effect.flatMap((over) =>
      over ? Effect.succeed(true) : Effect.repeat(look, { until: (seen) => seen, schedule: pace })
    ),
    // Whatever went wrong, a shutdown can be asked for again: it is final and asking twice does no harm.
    Effect.retry({ schedule: pace, while: (error) => error._tag !== "BackendError" || error.isRetryable }),
    // An answer that makes no sense, or a refusal, may be the answer to what was done already.
    Effect.catch((error) =>
      Effect.flatMap(idempotent(look), (over) => (over ? Effect.succeed(true) : Effect.fail(error)))
    )
  )
  const unconfirmed = (detail: string) =>
    report({ resource: "devbox", id, devboxId: undefined, backend: backend.name, detail })
  return withinBudget(
    attempt.pipe(
      Effect.asVoid,
      Effect.catchCause((cause) => unconfirmed(`the shutdown failed: ${String(cause)}`))
    ),
    unconfirmed
  )
}
