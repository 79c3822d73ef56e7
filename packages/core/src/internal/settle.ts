/**
 * The one wait: look, judge, look again, until it is settled or the deadline passes. It holds at the backend where the
 * backend can hold, and looks by a schedule where it cannot. Nothing else in the project waits for a state.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { WaitTimeout } from "../DevboxError.ts"
import type { AwaitOptions } from "../DevboxHandle.ts"
import { idempotent } from "./retry.ts"

/** The judgement of a look: an effect that ends the wait, or `undefined` to look again. */
export type Judge<A, B, E> = (seen: A) => Effect.Effect<B, E> | undefined

/** What to wait for. */
export interface Wait<A, E, B, E2> {
  readonly operation: string
  readonly id: string
  readonly look: Effect.Effect<A, E>
  /** A look that the backend answers late, when something happened or the hold ended. */
  readonly hold?: ((hold: Duration.Duration) => Effect.Effect<A, E>) | undefined
  /** How long the next hold may last, given what was seen last. */
  readonly maxHold?: (() => Duration.Duration) | undefined
  readonly judge: Judge<A, B, E2>
  /** The word for what was seen, for the timeout's message. */
  readonly status: (seen: A) => string
  /** Without a deadline of the caller's: none, or the default one. */
  readonly deadline: "none" | "default"
}

const defaultInterval = Duration.seconds(1)
const defaultDeadline = Duration.seconds(120)
const longestHold = Duration.seconds(25)
/** A hold that ended sooner than this without news is followed by a pause, so that a hasty server is not hammered. */
const hasty = 250

/** Waits; see {@link Wait}. */
export const settle = <A, E, B, E2>(
  wait: Wait<A, E, B, E2>,
  options: AwaitOptions = {}
): Effect.Effect<B, E | E2 | WaitTimeout> =>
  Effect.suspend(() => {
    let last: A | undefined
    let began = 0
    // A hold that the deadline cut off has shown nothing: one look tells the caller how things stand.
    const lastLook = Effect.suspend(() =>
      last !== undefined
        ? Effect.void
        : wait.look.pipe(
            Effect.map((seen) => {
              last = seen
            }),
            Effect.timeout(hasty),
            Effect.ignore
          )
    )
    const timedOut = Effect.flatMap(Effect.andThen(lastLook, Clock.currentTimeMillis), (now) =>
      Effect.fail(
        new WaitTimeout({
          operation: wait.operation,
          id: wait.id,
          waitedMs: now - began,
          ...(last === undefined ? {} : { lastStatus: wait.status(last) })
        })
      )
    )
    const judged = (look: Effect.Effect<A, E>) =>
      Effect.map(idempotent(look), (seen) => {
        last = seen
        return wait.judge(seen)
      })
    const { hold } = wait
    const looks =
      hold === undefined || options.schedule !== undefined
        ? Effect.repeat(judged(wait.look), {
            until: (verdict) => verdict !== undefined,
            schedule: options.schedule ?? Schedule.spaced(defaultInterval)
          })
        : Effect.gen(function* () {
            while (true) {
              const before = yield* Clock.currentTimeMillis
              const verdict = yield* judged(
                Effect.suspend(() => hold(Duration.min(longestHold, wait.maxHold?.() ?? longestHold)))
              )
              if (verdict !== undefined) return verdict
              if ((yield* Clock.currentTimeMillis) - before < hasty) yield* Effect.sleep(defaultInterval)
            }
          })
    const settled = Effect.flatMap(looks, (verdict): Effect.Effect<B, E2 | WaitTimeout> => verdict ?? timedOut)
    const deadline =
      options.timeout ?? (wait.deadline === "default" && options.schedule === undefined ? defaultDeadline : undefined)
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      began = now
      return deadline === undefined
        ? settled
        : Effect.timeoutOrElse(settled, { duration: deadline, orElse: () => timedOut })
    })
  })
