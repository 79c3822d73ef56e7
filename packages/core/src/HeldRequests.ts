/**
 * The requests that a server holds open: how many there may be, and how all of them end when the server stops. The handlers ask
 * here before they hold; without a server that cares, everything is held as long as the wire promises.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { CurrentCaller } from "./ApiKeys.ts"

/** What the handlers ask. */
export interface Shape {
  /** Done when whatever is held or streamed should end now, in the way after which clients come back. */
  readonly ending: Effect.Effect<void>
  /** Runs a hold with the time that it may take: what was asked for, or less where too many are held. */
  readonly during: <A, E, R>(
    time: Duration.Duration,
    hold: (time: Duration.Duration) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
}

/** The server's word about holds; by default there is no limit and no end. */
export const HeldRequests = Context.Reference<Shape>("effect-devbox/HeldRequests", {
  defaultValue: () => ({ ending: Effect.never, during: (time, hold) => hold(time) })
})

/** A limit, its count, and the end. */
export interface Limited extends Shape {
  readonly count: () => number
  readonly end: Effect.Effect<void>
}

/** How holds are limited besides. */
export interface Options {
  /** How many one caller may hold; default as many as all. */
  readonly perCaller?: number | undefined
  /** How long one beyond the limit is held; default one second. */
  readonly moment?: Duration.Input | undefined
}

/**
 * At most so many requests are held for as long as they ask; those beyond are answered early, after a moment that keeps clients,
 * which ask again at once, from hammering. Beyond twice the limit there is no such moment.
 */
export const make = (limit: number, options: Options = {}): Effect.Effect<Limited> =>
  Effect.map(Deferred.make<void>(), (ended) => {
    const early = Duration.fromInputUnsafe(options.moment ?? "1 second")
    const { perCaller = limit } = options
    const counts = new Map<string, number>()
    let count = 0
    const allowed = (time: Duration.Duration, own: number): Duration.Duration => {
      if (count < limit && own < perCaller) return time
      return count < 2 * limit && own < 2 * perCaller ? Duration.min(time, early) : Duration.zero
    }
    return {
      ending: Deferred.await(ended),
      end: Effect.asVoid(Deferred.succeed(ended, undefined)),
      count: () => count,
      during: (time, hold) =>
        Effect.flatMap(CurrentCaller, (caller) => {
          const who = caller?.id ?? ""
          const own = counts.get(who) ?? 0
          const held = hold(allowed(time, own))
          count++
          counts.set(who, own + 1)
          return Effect.ensuring(
            held,
            Effect.sync(() => {
              count--
              const left = (counts.get(who) ?? 1) - 1
              if (left === 0) counts.delete(who)
              else counts.set(who, left)
            })
          )
        })
    }
  })
