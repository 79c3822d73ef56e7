/**
 * Ctrl-C. A command that runs something inside takes it for itself while it does; otherwise it ends the program, which cleans up
 * first. One list for the process, since signals are the process's.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const takers: Array<() => void> = []

/** Gives Ctrl-C to a function instead, for as long as the scope lasts. */
export const onInterrupt = (take: () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => void takers.push(take)),
    () => Effect.sync(() => void takers.splice(takers.indexOf(take), 1))
  )

const ending = ["SIGINT", "SIGHUP", "SIGTERM"] as const

/** A signal that ends a program. */
export type Ending = (typeof ending)[number]

/** Listens to signals. `end` is called for each that nobody takes; the answer is whether Ctrl-C has come at all. */
export const listen = (end: (signal: Ending) => void): { readonly interrupted: () => boolean } => {
  let interrupted = false
  for (const signal of ending) {
    process.on(signal, () => {
      interrupted ||= signal === "SIGINT"
      const take = signal === "SIGINT" ? takers.at(-1) : undefined
      if (take === undefined) end(signal)
      else take()
    })
  }
  return { interrupted: () => interrupted }
}

/** Ends the process by a signal, so that whoever started it, such as a loop in a shell, sees that it was one. */
export const die = (signal: Ending): void => {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}
