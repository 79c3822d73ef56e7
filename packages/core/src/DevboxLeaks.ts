/**
 * Where a devbox or command goes whose end could not be confirmed. A finalizer cannot fail, so this is how a program, or
 * a test, hears of it. The default logs at error level; `collect` gathers reports so that a test can fail on them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Something that may still exist although it should not. */
export interface Leak {
  readonly resource: "devbox" | "execution" | "snapshot"
  readonly id: string
  readonly devboxId: string | undefined
  readonly backend: string
  /** What was tried and how it ended. */
  readonly detail: string
}

/** One sentence about a leak, with what to do. */
export const format = (leak: Leak): string =>
  `The end of ${leak.resource} ${leak.id}${leak.devboxId === undefined ? "" : ` in devbox ${leak.devboxId}`} on the ${leak.backend} backend could not be confirmed: ${leak.detail}. Check that it is gone, and end it by hand if it is not.`

/** Receives leaks. Provide another value to count, fail or alert. */
export const DevboxLeaks = Context.Reference<{ readonly report: (leak: Leak) => Effect.Effect<void> }>(
  "effect-devbox/DevboxLeaks",
  { defaultValue: () => ({ report: (leak) => Effect.logError(format(leak)) }) }
)

/** Reports a leak to whoever listens. */
export const report = (leak: Leak): Effect.Effect<void> => Effect.flatMap(DevboxLeaks, (leaks) => leaks.report(leak))

/** Runs an effect and gives the leaks that it reported beside its value; when it fails, they go on to whoever listens outside. */
export const collect = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<{ readonly value: A; readonly leaks: ReadonlyArray<Leak> }, E, R> =>
  Effect.flatMap(DevboxLeaks, (outer) => {
    const leaks: Array<Leak> = []
    return effect.pipe(
      Effect.provideService(DevboxLeaks, { report: (leak) => Effect.sync(() => void leaks.push(leak)) }),
      Effect.onError(() => Effect.forEach(leaks, outer.report, { discard: true })),
      Effect.map((value) => ({ value, leaks }))
    )
  })
