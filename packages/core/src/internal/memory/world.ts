/** Makes the world of one memory backend, and lets its phases take their time. */
import type * as Scope from "effect/Scope"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Changed from "./changed.ts"
import type { Phase, Settings, World } from "./state.ts"

/** An empty world. */
export const make = (settings: Settings): Effect.Effect<World, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const clock = yield* Clock.Clock
    const fibers = new Set<Fiber.Fiber<unknown>>()
    yield* Effect.addFinalizer(() => Effect.suspend(() => Fiber.interruptAll(fibers)))
    const run = Effect.runForkWith(context)
    let last = 0
    return {
      settings,
      boxes: new Map(),
      over: [],
      snapshots: new Map(),
      deleted: [],
      notices: new Map(),
      noticed: Changed.make(),
      held: new Set(),
      released: Changed.make(),
      lag: 0,
      // A test's clock stands still between milliseconds, too, where a jittered pause ends.
      now: () => Math.floor(clock.currentTimeMillisUnsafe()),
      next: () => ++last,
      fork: (effect) => {
        const fiber = run(effect)
        fibers.add(fiber)
        fiber.addObserver(() => fibers.delete(fiber))
        return fiber
      }
    }
  })

/** Lets a phase take its time; `done` runs at once when there is nothing to wait for. */
export const pass = (world: World, phase: Phase, done: () => void): void => {
  const delay = world.settings.delays[phase]
  if (!world.held.has(phase) && Duration.isZero(delay)) return done()
  world.fork(
    Effect.sleep(delay).pipe(
      Effect.andThen(world.released.until(() => (world.held.has(phase) ? undefined : true))),
      Effect.andThen(Effect.sync(done))
    )
  )
}
