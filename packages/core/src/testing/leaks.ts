/**
 * Leak accounting for tests: what a program reported as a leak, and what its backend holds that it did not hold before. For
 * one test, or as a layer for a whole suite. It only looks; it ends nothing and hides nothing.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { DevboxBackend, type Shape } from "../DevboxBackend.ts"
import type { BackendError } from "../DevboxError.ts"
import { collect, DevboxLeaks, format as formatLeak, type Leak } from "../DevboxLeaks.ts"
import { format as formatLiving, leftovers, type Living, look } from "../internal/leftovers.ts"

/** Something was left, or its end could not be confirmed. */
export class Leaked extends Schema.TaggedError<Leaked>()("Leaked", {
  /** One line for each thing. */
  found: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `Something was left behind:\n  ${this.found.join("\n  ")}\nCreate within a scope, and delete what you were given to keep.`
  }
}

/** Which of the things left are leaks. */
export interface Options {
  /** Finished snapshots, too. By default only unfinished ones are: a finished one was given to somebody. */
  readonly snapshots?: boolean | undefined
  /** Ids that may be left. */
  readonly keeps?: ReadonlyArray<string> | undefined
}

const counts =
  (options: Options) =>
  (thing: Living): boolean =>
    !(options.keeps ?? []).includes(thing.id) &&
    (options.snapshots === true || thing.resource !== "snapshot" || thing.state !== "complete")

const lines = (leaks: ReadonlyArray<Leak>, left: ReadonlyArray<Living>): ReadonlyArray<string> => [
  ...left.map((thing) => `${formatLiving(thing)} still exists`),
  ...leaks.map(formatLeak)
]

const leftSince = (
  backend: Shape,
  before: ReadonlyArray<Living>,
  options: Options
): Effect.Effect<ReadonlyArray<Living>, BackendError> =>
  Effect.map(look(backend), (now) => leftovers(before, now).filter(counts(options)))

/** Runs a test in a scope of its own and fails it with {@link Leaked} when it left something, whether it succeeded or not. */
export const failOnLeaks = <A, E, R>(
  test: Effect.Effect<A, E, R>,
  options: Options = {}
): Effect.Effect<A, E | Leaked | BackendError, Exclude<R, Scope.Scope> | DevboxBackend> =>
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    const before = yield* look(backend)
    const { leaks, value: exit } = yield* collect(Effect.exit(Effect.scoped(test)))
    const found = lines(leaks, yield* leftSince(backend, before, options))
    if (found.length === 0) return yield* exit
    const leaked = new Leaked({ found })
    return yield* Exit.isSuccess(exit) ? leaked : Effect.failCause(Cause.combine(exit.cause, Cause.fail(leaked)))
  })

/**
 * Watches over everything that is built on it, and dies with {@link Leaked} when it is closed and something was left: in a
 * test runner, at the end of the suite.
 */
export const layer = (options: Options = {}): Layer.Layer<never, BackendError, DevboxBackend> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const leaks: Array<Leak> = []
      yield* Effect.acquireRelease(look(backend), (before) =>
        Effect.flatMap(Effect.orDie(leftSince(backend, before, options)), (left) => {
          const found = lines(leaks, left)
          return found.length === 0 ? Effect.void : Effect.die(new Leaked({ found }))
        })
      )
      return Context.make(DevboxLeaks, { report: (leak) => Effect.sync(() => void leaks.push(leak)) })
    })
  )
