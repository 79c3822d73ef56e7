/** What a law claims. A claim that does not hold is a `LawViolation`; everything else that fails is not. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { Surroundings } from "./law.ts"

/** A law is broken. */
export class LawViolation extends Schema.TaggedError<LawViolation>()("LawViolation", {
  claim: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `It does not hold that ${this.claim}: ${this.detail}`
  }
}

const violated = (claim: string, detail: string) => Effect.fail(new LawViolation({ claim, detail }))

const show = (value: unknown): string => {
  if (value instanceof Uint8Array) {
    return `${value.length} bytes ${Array.from(value.subarray(0, 40), (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`
  }
  const text = typeof value === "string" ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text
}

const same = (a: unknown, b: unknown): boolean =>
  a instanceof Uint8Array && b instanceof Uint8Array
    ? a.length === b.length && a.every((byte, index) => byte === b[index])
    : Equal.equals(a, b)

/** Claims that something is true. */
export const holds = (
  claim: string,
  condition: boolean,
  detail: unknown = "it is not so"
): Effect.Effect<void, LawViolation> =>
  condition ? Effect.void : violated(claim, typeof detail === "string" ? detail : show(detail))

/** Claims that something is equal to something, by its parts. */
export const equal = <A>(claim: string, actual: A, expected: NoInfer<A>): Effect.Effect<void, LawViolation> =>
  same(actual, expected) ? Effect.void : violated(claim, `expected ${show(expected)}, found ${show(actual)}`)

/** Claims that something ends while one can wait. */
export const ends = <A, E, R>(claim: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | LawViolation, R> =>
  Effect.flatMap(Surroundings, ({ patience }) =>
    Effect.timeoutOrElse(effect, {
      duration: patience,
      orElse: () => violated(claim, `it did not end within ${Duration.format(patience)}`)
    })
  )

/** Claims that something ends while one can wait, and succeeds. */
export const succeeds = <A, E, R>(claim: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, LawViolation, R> =>
  Effect.catchCause(ends(claim, effect), (cause) => {
    const found = cause.reasons.find(
      (reason): reason is Cause.Fail<LawViolation> => Cause.isFailReason(reason) && reason.error instanceof LawViolation
    )
    return found === undefined ? violated(claim, `it failed: ${Cause.pretty(cause)}`) : Effect.fail(found.error)
  })

/** Claims that something fails with a tag while one can wait; gives the error. */
export const failsWith = <A, E extends { readonly _tag: string }, R, const T extends E["_tag"]>(
  claim: string,
  effect: Effect.Effect<A, E, R>,
  tag: T
): Effect.Effect<Extract<E, { readonly _tag: T }>, LawViolation, R> =>
  ends(claim, effect).pipe(
    Effect.matchCauseEffect({
      onSuccess: (value) => violated(claim, `it succeeded with ${show(value)} instead of failing with ${tag}`),
      onFailure: (cause) => {
        const error = Cause.findErrorOption(cause)
        if (error._tag === "Some" && error.value instanceof LawViolation) return Effect.fail(error.value)
        return error._tag === "Some" && error.value._tag === tag
          ? Effect.succeed(error.value as Extract<E, { readonly _tag: T }>)
          : violated(claim, `it failed otherwise than with ${tag}: ${Cause.pretty(cause)}`)
      }
    })
  )

/** Looks again and again, for a while, until it is so; gives what was seen last. */
export const watch = <A, E, R>(
  look: Effect.Effect<A, E, R>,
  until: (seen: NoInfer<A>) => boolean
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Surroundings, ({ patience }) =>
    Effect.suspend(() => {
      let last: A | undefined
      const once = Effect.tap(look, (seen) => Effect.sync(() => void (last = seen)))
      const looks = Effect.repeat(once, { until, schedule: Schedule.spaced("10 millis") })
      const latest = Effect.suspend(() => (last === undefined ? look : Effect.succeed(last)))
      return Effect.timeoutOrElse(looks, { duration: patience, orElse: () => latest })
    })
  )

/** Claims that something becomes so while one can wait. */
export const eventually = <A, E, R>(
  claim: string,
  look: Effect.Effect<A, E, R>,
  until: (seen: A) => boolean
): Effect.Effect<A, E | LawViolation, R> =>
  Effect.tap(watch(look, until), (seen) => holds(claim, until(seen), `last seen: ${show(seen)}`))
