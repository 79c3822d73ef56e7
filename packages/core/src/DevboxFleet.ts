/**
 * Many devboxes as one: created with bounded concurrency, used, and shut down with confirmation, whatever happens to any of
 * them. When the backend asks one to slow down, all do. It has no way of its own to create or release: that is
 * `DevboxService`'s.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { WaitError } from "./DevboxError.ts"
import type { CreateOptions, Devbox } from "./DevboxHandle.ts"
import { DevboxLeaks, type Leak } from "./DevboxLeaks.ts"
import { DevboxService } from "./DevboxService.ts"
import { CurrentPace, makePace } from "./internal/pace.ts"

/** How a fleet works. */
export interface Options<A> {
  /** How many devboxes there are at a time; default 10. */
  readonly concurrency?: number | undefined
  /** What each devbox is to be. */
  readonly create?: CreateOptions | ((item: A, index: number) => CreateOptions) | undefined
  /** Called with what came of it all, however it ended. */
  readonly onReport?: ((report: Report) => Effect.Effect<void>) | undefined
}

/** Some durations at a glance. */
export interface Spread {
  readonly count: number
  readonly min: Duration.Duration
  readonly median: Duration.Duration
  readonly max: Duration.Duration
}

/** What came of a fleet. */
export interface Report {
  /** How many items there were. */
  readonly items: number
  readonly created: number
  readonly succeeded: number
  readonly failed: number
  /** Not begun, or stopped because another one failed. */
  readonly cancelled: number
  /** What may still exist although it should not. */
  readonly leaks: ReadonlyArray<Leak>
  /** How often the backend made the fleet slow down. */
  readonly slowed: number
  readonly duration: Duration.Duration
  /** From the request to the running devbox. */
  readonly creation: Spread
  /** What was done with the devboxes. */
  readonly use: Spread
}

/** What came of one item. */
export interface Outcome<A, B, E> {
  readonly item: A
  readonly index: number
  readonly exit: Exit.Exit<B, E>
}

/** A {@link Report} with what came of each item, in order. */
export interface FullReport<A, B, E> extends Report {
  readonly outcomes: ReadonlyArray<Outcome<A, B, E>>
}

const defaultConcurrency = 10

const spread = (times: ReadonlyArray<number>): Spread => {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (index: number) => Duration.millis(sorted[index] ?? 0)
  return { count: sorted.length, min: at(0), median: at((sorted.length - 1) >> 1), max: at(sorted.length - 1) }
}

/** Counts what happens in a fleet. */
const makeLedger = (items: number) =>
  Effect.map(Clock.currentTimeMillis, (began) => {
    const pace = makePace()
    const leaks: Array<Leak> = []
    const creations: Array<number> = []
    const uses: Array<number> = []
    let succeeded = 0
    let failed = 0
    const timed = <A, E, R>(effect: Effect.Effect<A, E, R>, into: Array<number>): Effect.Effect<A, E, R> =>
      Effect.flatMap(Clock.currentTimeMillis, (start) =>
        Effect.tap(effect, () => Effect.map(Clock.currentTimeMillis, (end) => void into.push(end - start)))
      )
    return {
      creating: <A, E, R>(effect: Effect.Effect<A, E, R>) => timed(effect, creations),
      using: <A, E, R>(effect: Effect.Effect<A, E, R>) => timed(effect, uses),
      ended: (exit: Exit.Exit<unknown, unknown>) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) succeeded += 1
          else if (!Exit.hasInterrupts(exit)) failed += 1
        }),
      /** Runs in one pace, and hears of leaks beside whoever listens. */
      within: <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
        Effect.flatMap(DevboxLeaks, (outer) =>
          effect.pipe(
            Effect.provideService(CurrentPace, pace),
            Effect.provideService(DevboxLeaks, {
              report: (leak) =>
                Effect.andThen(
                  Effect.sync(() => leaks.push(leak)),
                  outer.report(leak)
                )
            })
          )
        ),
      report: Effect.map(Clock.currentTimeMillis, (now): Report => ({
        items,
        created: creations.length,
        succeeded,
        failed,
        cancelled: items - succeeded - failed,
        leaks,
        slowed: pace.slowed(),
        duration: Duration.millis(now - began),
        creation: spread(creations),
        use: spread(uses)
      }))
    }
  })

const optionsOf = <A>(options: Options<A>, item: A, index: number): CreateOptions | undefined =>
  typeof options.create === "function" ? options.create(item, index) : options.create

const fleet = <A, B, E, R, C, E2, R2>(
  items: Iterable<A>,
  options: Options<A>,
  use: (devbox: Devbox, item: A, index: number) => Effect.Effect<B, E, R>,
  each: (
    one: Effect.Effect<B, E | WaitError, Exclude<R, Scope.Scope> | DevboxService>,
    item: A,
    index: number
  ) => Effect.Effect<C, E2, R2>
): Effect.Effect<{ readonly values: ReadonlyArray<C>; readonly report: Report }, E2, R2> =>
  Effect.suspend(() => {
    const all = Array.from(items)
    return Effect.flatMap(makeLedger(all.length), (ledger) => {
      const one = (item: A, index: number) => {
        const create = DevboxService.use((devboxes) => devboxes.create(optionsOf(options, item, index)))
        const used: Effect.Effect<B, E | WaitError, R | DevboxService | Scope.Scope> = Effect.flatMap(
          ledger.creating(create),
          (devbox) => ledger.using(use(devbox, item, index))
        )
        return Effect.onExit(Effect.scoped(used), ledger.ended)
      }
      const { onReport } = options
      const values = Effect.forEach(all, (item, index) => each(one(item, index), item, index), {
        concurrency: options.concurrency ?? defaultConcurrency
      }).pipe(ledger.within)
      const told =
        onReport === undefined ? values : Effect.onExit(values, () => Effect.flatMap(ledger.report, onReport))
      return Effect.flatMap(told, (given) => Effect.map(ledger.report, (report) => ({ values: given, report })))
    })
  })

/**
 * Gives every item a devbox of its own and what is made with it, in order. The first failure stops the others, waits until
 * all devboxes are confirmed to be gone, and is what this fails with.
 */
export const forEach = <A, B, E, R>(
  items: Iterable<A>,
  options: Options<A>,
  use: (devbox: Devbox, item: A, index: number) => Effect.Effect<B, E, R>
): Effect.Effect<ReadonlyArray<B>, E | WaitError, Exclude<R, Scope.Scope> | DevboxService> =>
  Effect.map(
    fleet(items, options, use, (one) => one),
    ({ values }) => values
  )

/** As {@link forEach}, but nothing stops the others: gives what came of each item, and never fails. */
export const all = <A, B, E, R>(
  items: Iterable<A>,
  options: Options<A>,
  use: (devbox: Devbox, item: A, index: number) => Effect.Effect<B, E, R>
): Effect.Effect<FullReport<A, B, E | WaitError>, never, Exclude<R, Scope.Scope> | DevboxService> =>
  Effect.map(
    fleet(items, options, use, (one, item, index) => Effect.map(Effect.exit(one), (exit) => ({ item, index, exit }))),
    ({ report, values }) => ({ ...report, outcomes: values })
  )

/**
 * Devboxes that live until the scope closes: so many alike, or one for each of the options. When one cannot be created the
 * others are shut down at once.
 */
export const make = (
  devboxes: number | Iterable<CreateOptions>,
  options: Pick<Options<CreateOptions>, "concurrency" | "create"> = {}
): Effect.Effect<ReadonlyArray<Devbox>, WaitError, DevboxService | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const wanted = typeof devboxes === "number" ? Array.from({ length: devboxes }, () => ({})) : Array.from(devboxes)
      const outer = yield* Scope.Scope
      const scope = yield* Scope.fork(outer, "parallel")
      const ledger = yield* makeLedger(wanted.length)
      const create = Effect.forEach(
        wanted,
        (own, index) => DevboxService.use((service) => service.create({ ...optionsOf(options, own, index), ...own })),
        { concurrency: options.concurrency ?? defaultConcurrency }
      )
      return yield* restore(Scope.provide(ledger.within(create), scope)).pipe(
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
    })
  )
