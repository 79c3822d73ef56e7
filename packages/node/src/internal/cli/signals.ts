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

/** Numbers of the signals that end a program. */
const numbers = { SIGINT: 2, SIGHUP: 1, SIGTERM: 15 } as const

/** Listens to signals. `end` is called once, with the exit status that says which it was. */
export const listen = (end: (exitCode: number) => void): void => {
  for (const [signal, number] of Object.entries(numbers) as ReadonlyArray<[keyof typeof numbers, number]>) {
    process.on(signal, () => {
      const take = signal === "SIGINT" ? takers.at(-1) : undefined
      if (take === undefined) end(128 + number)
      else take()
    })
  }
}
