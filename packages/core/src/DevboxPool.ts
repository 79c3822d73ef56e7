/**
 * Warm devboxes: so many wait, each is handed out once, to one scope, and another is made in its place. Builds on Effect's `Pool`
 * and adds what devboxes need: signs of life, health, refilling by itself, and an end with the layer, whoever holds what.
 * It creates and ends nothing by a way of its own: that is `DevboxService`'s.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Pool from "effect/Pool"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { BackendError, WaitError } from "./DevboxError.ts"
import type { CreateOptions, Devbox } from "./DevboxHandle.ts"
import { DevboxService } from "./DevboxService.ts"
import type { Restore } from "./internal/give.ts"
import { notReady } from "./internal/service/waits.ts"

/** How a pool is to be. */
export interface Options {
  /** How many devboxes wait. Those handed out do not count. */
  readonly size: number
  /** What they are made from, as in `create`. */
  readonly from?: CreateOptions["from"]
  /** What else each is to be. */
  readonly create?: Omit<CreateOptions, "from"> | undefined
  /** How many are created at a time; default 10. */
  readonly concurrency?: number | undefined
  /** What a devbox must pass, besides running, while it waits and before it is handed out; failing means to be replaced. */
  readonly check?: ((devbox: Devbox) => Effect.Effect<unknown, unknown>) | undefined
  /** How often those that wait are checked and kept alive; default every minute. */
  readonly checkEvery?: Duration.Input | undefined
}

/** How a pool stands. */
export interface Stats {
  /** Devboxes that wait. */
  readonly ready: number
  /** Devboxes that were handed out and are not gone yet. */
  readonly handedOut: number
  /** Calls of `get` that wait for a devbox. */
  readonly waiting: number
}

/** A pool of devboxes. */
export interface Shape {
  /**
   * A devbox that runs, for the scope, with which it is shut down. It was never anybody else's. Waits for one when none is
   * ready, and fails when that one cannot be created.
   */
  readonly get: Effect.Effect<Devbox, WaitError, Scope.Scope>
  readonly stats: Effect.Effect<Stats>
}

interface Item {
  readonly devbox: Devbox
  readonly scope: Scope.Closeable
}

/** Between tries to create one. */
const again = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("10 seconds")])

/** Makes a pool that lives until the scope closes, with every devbox of it. */
export const make = (options: Options): Effect.Effect<Shape, never, DevboxService | Scope.Scope> =>
  Effect.gen(function* () {
    const service = yield* DevboxService
    // Closed last, all at once, with what was handed out in it.
    const boxes = yield* Scope.fork(yield* Scope.Scope, "parallel")
    const ready = new Set<Item>()
    const handedOut = new Set<Item>()
    const creating = Semaphore.makeUnsafe(options.concurrency ?? 10)
    const waiting = new Set<Deferred.Deferred<never, WaitError>>()
    let closing = false

    /** Tells whoever waits longest; they may try again. */
    const fail = (error: WaitError) =>
      Effect.suspend(() => {
        const [first] = waiting
        return first === undefined
          ? Effect.logWarning(`A devbox of the pool could not be created: ${error.message}`)
          : Effect.sync(() => waiting.delete(first)).pipe(Effect.andThen(Deferred.fail(first, error)))
      })
    const createIn = (scope: Scope.Scope) =>
      service
        .create({ ...options.create, from: options.from })
        .pipe(Scope.provide(scope), creating.withPermits(1), Effect.tapError(fail), Effect.retry(again), Effect.orDie)

    const acquire = Effect.gen(function* () {
      const scope = yield* Scope.fork(boxes)
      let item: Item | undefined
      yield* Effect.addFinalizer((exit) => {
        if (item !== undefined && (closing || handedOut.has(item))) return Effect.void
        if (item !== undefined) ready.delete(item)
        return Scope.close(scope, exit)
      })
      item = { devbox: yield* createIn(scope), scope }
      ready.add(item)
      return item
    })

    /** Whether a devbox runs and passes; fails when that cannot be found out now. Keeps it alive besides. */
    const isSound = ({ devbox }: Item): Effect.Effect<boolean, BackendError> =>
      Effect.gen(function* () {
        yield* devbox.keepAlive
        if ((yield* devbox.getInfo).status !== "running") return false
        return options.check === undefined ? true : yield* Effect.isSuccess(options.check(devbox))
      }).pipe(Effect.catchTag(["DevboxNotReady", "ResourceNotFound"], () => Effect.succeed(false)))

    const pool = yield* Pool.make({ acquire, size: options.size })
    yield* Effect.addFinalizer(() => Effect.sync(() => void (closing = true)))

    const look = (item: Item) =>
      isSound(item).pipe(
        Effect.flatMap((sound) => (sound || !ready.has(item) ? Effect.void : Pool.invalidate(pool, item))),
        Effect.ignore,
        // The check is the user's. One that dies must not end the signs of life of all.
        Effect.catchDefect((defect) => Effect.logWarning("A devbox of the pool could not be checked", defect))
      )
    yield* Effect.suspend(() => Effect.forEach([...ready], look, { concurrency: 10, discard: true })).pipe(
      Effect.schedule(Schedule.spaced(options.checkEvery ?? "1 minute")),
      Effect.forkScoped
    )

    /** Borrows one, and takes it out of the pool when it is sound; the pool makes another. */
    const take = (holder: Scope.Scope, restore: Restore) =>
      Effect.scoped(
        Effect.gen(function* () {
          const failed = yield* Deferred.make<never, WaitError>()
          waiting.add(failed)
          const item = yield* Effect.ensuring(
            restore(Effect.raceFirst(Pool.get(pool), Deferred.await(failed))),
            Effect.sync(() => waiting.delete(failed))
          )
          const sound = yield* restore(isSound(item))
          if (sound) {
            ready.delete(item)
            handedOut.add(item)
            yield* Scope.addFinalizerExit(holder, (exit) =>
              Effect.ensuring(
                Scope.close(item.scope, exit),
                Effect.sync(() => handedOut.delete(item))
              )
            )
          }
          yield* Pool.invalidate(pool, item)
          return { devbox: item.devbox, sound }
        })
      )

    /** All that wait may have gone bad, and then a few fresh ones: more than that is the fault of what they are made from. */
    const tries = options.size + 3
    const unfit = (devbox: Devbox) =>
      Effect.flatMap(devbox.getInfo, (info) =>
        Effect.fail(
          notReady(
            info,
            "fit to be handed out",
            `So were ${tries} devboxes of the pool, one after another; look at its check and at what they are made from.`
          )
        )
      )

    return {
      get: Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const holder = yield* Scope.Scope
          for (let left = tries; ; left--) {
            const { devbox, sound } = yield* take(holder, restore)
            if (sound) return devbox
            if (left <= 1) return yield* unfit(devbox)
          }
        })
      ).pipe(Effect.withSpan("DevboxPool.get", {}, { captureStackTrace: false })),
      stats: Effect.sync(() => ({ ready: ready.size, handedOut: handedOut.size, waiting: waiting.size }))
    }
  })

/** Warm devboxes, for whoever needs one. For several pools in one program use {@link make}. */
export class DevboxPool extends Context.Service<DevboxPool, Shape>()("effect-devbox/DevboxPool") {
  /** A pool that lives as long as the layer. It begins to fill at once and does not wait until it is full. */
  static readonly layer = (options: Options): Layer.Layer<DevboxPool, never, DevboxService> =>
    Layer.effect(DevboxPool, make(options))

  /** A warm devbox for the scope; see {@link Shape}. */
  static readonly get: Effect.Effect<Devbox, WaitError, DevboxPool | Scope.Scope> = DevboxPool.use((pool) => pool.get)
}
