/**
 * Giving something to a caller who then owns it: either the caller gets it, or it is undone. There is no moment at which it
 * exists and neither happens. Scopes do not need this; what leaves a scope behind does.
 */
import * as Effect from "effect/Effect"

/** Makes a part of an uninterruptible region interruptible again. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** What making something that is given is done with. */
export interface Giving {
  readonly restore: Restore
  /** From now on a failure or interruption is followed by this. */
  readonly undoBy: (undo: Effect.Effect<void>) => void
}

/**
 * Runs `make` without interruption, except for what it restores.
 *
 * An interruption that arrives late in an uninterruptible region is delivered at the region's very end, where no `onError` of
 * its inside sees it any more; and one around it would end with such a region itself. What does see it, and lets a value pass
 * without a step of its own, is the cancellation of a callback: it stays in force for the effect that the callback resumes.
 */
export const give = <A, E, R>(make: (giving: Giving) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    let undo: Effect.Effect<void> = Effect.void
    const undone = Effect.suspend(() => {
      const present = undo
      undo = Effect.void
      return present
    })
    const undoBy = (next: Effect.Effect<void>) => {
      undo = next
    }
    const whole = Effect.uninterruptibleMask((restore) => Effect.onError(make({ restore, undoBy }), () => undone))
    return Effect.callback<A, E, R>((resume) => {
      // Resumed at once, it would not have been a callback.
      fiber.currentDispatcher.scheduleTask(() => resume(whole), 0)
      return undone
    })
  })
