/**
 * A world in which a program runs the same way every time: its own queue of tasks, a clock that jumps to the next timer when
 * everything waits, and its own chance. Nothing in it waits for real time, except for promises of the program.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import { dice } from "../chaos/random.ts"

/** What is done to an effect while it runs. */
export interface Watch {
  /** Called before each step of each fiber; `true` makes the fiber give way first. */
  readonly step?: ((fiber: Fiber.Fiber<unknown, unknown>) => boolean) | undefined
  /** Interrupts the effect, and lets it go on to its end in virtual time. */
  readonly signal?: AbortSignal | undefined
}

/** See above. */
export interface World {
  /** Runs an effect to its end; `"stuck"` when nothing is left that could wake it, or after too much virtual time. */
  readonly run: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    context: Context.Context<R>,
    watch?: Watch
  ) => Promise<Exit.Exit<A, E> | "stuck">
  /** Puts a task before all others. */
  readonly next: (task: () => void) => void
}

interface Timer {
  readonly at: number
  readonly wake: () => void
}

/** What a world is like. */
export interface Options {
  /** How much virtual time one effect may take. */
  readonly limit: Duration.Input
  readonly seed: number
  /** Whether what is logged is heard. */
  readonly logs: boolean
}

/** How long the promises of a program may keep everything waiting, in turns of the event loop. */
const patience = 1000

/** Lets promises that are settled go on. */
const microtasks = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await Promise.resolve()
}

/** Lets timers and input of the host go on. */
const macrotask = (): Promise<void> =>
  new Promise((resolve) => {
    const channel = new MessageChannel()
    channel.port1.addEventListener("message", () => {
      channel.port1.close()
      resolve()
    })
    channel.port1.start()
    channel.port2.postMessage(undefined)
  })

/** A new world, at time zero. */
export const makeWorld = (options: Options): World => {
  const limitMs = Duration.toMillis(Duration.fromInputUnsafe(options.limit))
  let now = 0
  // By priority, lower first; in order of arrival within one.
  const queue: Array<{ readonly task: () => void; readonly priority: number }> = []
  const timers: Array<Timer> = []

  const schedule = (task: () => void, priority: number): void => {
    let at = queue.length
    while (at > 0 && queue[at - 1]!.priority > priority) at--
    queue.splice(at, 0, { task, priority })
  }
  const flush = (): void => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) entry.task()
  }

  const sleep = (duration: Duration.Duration): Effect.Effect<void> => {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback<void>((resume) => {
      // Whole milliseconds, as clocks outside of tests give them.
      const timer: Timer = { at: now + Math.ceil(millis), wake: () => resume(Effect.void) }
      let at = timers.length
      while (at > 0 && timers[at - 1]!.at > timer.at) at--
      timers.splice(at, 0, timer)
      return Effect.sync(() => {
        const found = timers.indexOf(timer)
        if (found >= 0) timers.splice(found, 1)
      })
    })
  }
  const millis = () => now
  const nanos = () => BigInt(Math.round(now * 1_000_000))
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep
  }

  const scheduler = (watch: Watch | undefined): Scheduler.Scheduler => ({
    executionMode: "async",
    shouldYield: (fiber) => watch?.step?.(fiber) === true || fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield,
    makeDispatcher: () => ({ scheduleTask: schedule, flush })
  })

  const roll = dice(options.seed, "world")
  const random: Context.Service.Shape<typeof Random.Random> = {
    nextDoubleUnsafe: roll,
    nextIntUnsafe: () => Math.floor(roll() * Number.MAX_SAFE_INTEGER)
  }

  /** Runs everything that can run; whether the fiber is done then. */
  const drive = async (fiber: Fiber.Fiber<unknown, unknown>): Promise<boolean> => {
    const until = now + limitMs
    let idle = 0
    while (fiber.pollUnsafe() === undefined) {
      flush()
      if (fiber.pollUnsafe() !== undefined) break
      await microtasks()
      if (queue.length > 0) continue
      const timer = timers.shift()
      if (timer === undefined) {
        if (++idle > patience) return false
        await macrotask()
        continue
      }
      idle = 0
      if (timer.at > until) return false
      now = timer.at
      timer.wake()
    }
    return true
  }

  return {
    next: (task) => schedule(task, -Infinity),
    run: async (effect, context, watch) => {
      const inside = context.pipe(
        Context.add(Clock.Clock, clock),
        Context.add(Scheduler.Scheduler, scheduler(watch)),
        Context.add(Random.Random, random)
      )
      const heard = options.logs ? inside : Context.add(inside, Logger.CurrentLoggers, new Set())
      const fiber = Effect.runForkWith(heard)(effect, { signal: watch?.signal })
      return (await drive(fiber)) ? (fiber.pollUnsafe() ?? "stuck") : "stuck"
    }
  }
}
