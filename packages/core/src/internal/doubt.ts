/** Whether a call that makes something may have made it although nobody was told: it was sent, and not certainly refused. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { BackendError } from "../DevboxError.ts"

/** Whether a failure leaves it open that the call was carried out. */
export const isAmbiguous = (error: unknown): error is BackendError =>
  Predicate.isTagged(error, "BackendError") && "outcome" in error && error.outcome === "ambiguous"

/** A call that can be sent several times, and the doubt that its sendings leave. */
export interface Doubted<A, E, R> {
  readonly call: Effect.Effect<A, E, R>
  /** Of a call that succeeded, too: what it made may still be lost on the way. */
  readonly inDoubt: () => boolean
}

/** Watches over the sendings of a call. */
export const doubted = <A, E, R>(call: Effect.Effect<A, E, R>): Doubted<A, E, R> => {
  let doubt = false
  return {
    inDoubt: () => doubt,
    call: Effect.suspend(() => {
      // A refusal says nothing about the sendings before it.
      const before = doubt
      doubt = true
      return Effect.tapError(call, (error) =>
        Effect.sync(() => {
          if (!isAmbiguous(error)) doubt = before
        })
      )
    })
  }
}
