/** Makes a failing sequence short: takes away parts, large ones first, as long as it goes on to fail. */
import { Effect } from "effect"

/** See above. `fails` says why a sequence fails, or `undefined`. */
export const shrink = <A, F, E, R>(
  failing: ReadonlyArray<A>,
  failure: F,
  fails: (sequence: ReadonlyArray<A>) => Effect.Effect<F | undefined, E, R>
): Effect.Effect<{ readonly sequence: ReadonlyArray<A>; readonly failure: F }, E, R> =>
  Effect.gen(function* () {
    let sequence = failing
    let last = failure
    for (let size = Math.ceil(sequence.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < sequence.length;) {
        const shorter = [...sequence.slice(0, at), ...sequence.slice(at + size)]
        const found = yield* fails(shorter)
        if (found === undefined) at += size
        else {
          sequence = shorter
          last = found
        }
      }
    }
    return { sequence, failure: last }
  })
