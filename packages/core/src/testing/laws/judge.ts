/** Finds out whether a law holds: on a backend that is given, or in a world of its own where no time passes. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { DevboxBackend, type Shape } from "../../DevboxBackend.ts"
import { run } from "../virtualTime.ts"
import { LawViolation } from "./claim.ts"
import { type Law, type Need, Surroundings } from "./law.ts"

/** What came of a law. `Undecided` means that it could not find out: something else went wrong. */
export type Verdict =
  | { readonly _tag: "Holds" }
  | { readonly _tag: "Skipped"; readonly reason: string }
  | { readonly _tag: "Violated"; readonly claim: string; readonly detail: string }
  | { readonly _tag: "Undecided"; readonly detail: string }

/** No law takes longer than this, whatever happens. */
const limit = Duration.minutes(2)

const lacks = (backend: Shape, surroundings: Surroundings, need: Need): string | undefined => {
  switch (need) {
    case "holds":
      return backend.waitForStatus === undefined || backend.waitForExecution === undefined
        ? "the backend does not hold looks"
        : undefined
    case "webServer":
      return surroundings.webServer === undefined ? "the suite was not told how to start a web server" : undefined
    case "echoServer":
      return surroundings.echoServer === undefined ? "the suite was not told how to start an echo server" : undefined
    default:
      return backend.capabilities.features.has(need) ? undefined : `the backend does not have the feature "${need}"`
  }
}

/** Why a law does not apply to a backend. */
export const skipReason = (
  law: Pick<Law<never>, "requires">
): Effect.Effect<string | undefined, never, DevboxBackend> =>
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    const surroundings = yield* Surroundings
    return law.requires.map((need) => lacks(backend, surroundings, need)).find((reason) => reason !== undefined)
  })

const verdictOf = (exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (Exit.isSuccess(exit)) return { _tag: "Holds" }
  const found = exit.cause.reasons.find(
    (reason): reason is Cause.Fail<LawViolation> => Cause.isFailReason(reason) && reason.error instanceof LawViolation
  )
  return found === undefined
    ? { _tag: "Undecided", detail: Cause.pretty(exit.cause) }
    : { _tag: "Violated", claim: found.error.claim, detail: found.error.detail }
}

/** Judges a law on the backend that is there. */
export const judge = <R>(law: Law<R>): Effect.Effect<Verdict, never, Exclude<R, Scope.Scope> | DevboxBackend> =>
  Effect.flatMap(skipReason(law), (reason) =>
    reason !== undefined
      ? Effect.succeed<Verdict>({ _tag: "Skipped", reason })
      : Effect.map(
          Effect.timeoutOption(Effect.exit(Effect.scoped(law.run)), limit),
          Option.match({
            onNone: (): Verdict => ({ _tag: "Undecided", detail: `it did not end within ${Duration.format(limit)}` }),
            onSome: verdictOf
          })
        )
  ) as Effect.Effect<Verdict, never, Exclude<R, Scope.Scope> | DevboxBackend>

/** Judges a law on a fresh build of a layer, in virtual time: whenever everything waits, the clock jumps to the next timer. */
export const judgeVirtually = <R, E>(
  law: Law<R>,
  layer: Layer.Layer<Exclude<R, Scope.Scope> | DevboxBackend, E>,
  surroundings?: Partial<Surroundings>
): Effect.Effect<Verdict> =>
  Effect.flatMap(Surroundings, (given) =>
    run(
      judge(law).pipe(Effect.provide(layer), Effect.provideService(Surroundings, { ...given, ...surroundings }))
    ).pipe(Effect.catchCause((cause) => Effect.succeed<Verdict>({ _tag: "Undecided", detail: Cause.pretty(cause) })))
  )
