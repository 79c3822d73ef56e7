/** Wakes whoever waits for a change of some mutable thing. The one way anything in here waits for anything else. */
import * as Effect from "effect/Effect"

/** See {@link make}. */
export interface Changed {
  readonly notify: () => void
  /** Waits until `look` gives a value; looks now and after every notification. */
  readonly until: <A>(look: () => A | undefined) => Effect.Effect<A>
}

/** Makes a source of notifications. */
export const make = (): Changed => {
  const waiting = new Set<() => void>()
  return {
    notify: () => {
      for (const wake of Array.from(waiting)) wake()
    },
    // The look happens while registering, in one turn, so that no notification falls between looking and waiting.
    until: <A>(look: () => A | undefined) =>
      Effect.callback<A>((resume) => {
        const wake = () => {
          const seen = look()
          if (seen === undefined) return
          waiting.delete(wake)
          resume(Effect.succeed(seen))
        }
        waiting.add(wake)
        wake()
        return Effect.sync(() => {
          waiting.delete(wake)
        })
      })
  }
}
