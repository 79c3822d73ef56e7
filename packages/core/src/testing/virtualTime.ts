/**
 * Runs a program in time that takes no time: whenever everything in it waits, its clock jumps to the next timer. Unlike
 * `TestClock` nobody has to move it, so waits, back-off and slow streams need no thought in a test. Chance is seeded and the
 * order of things is the same in every run. Not for programs that wait for the world outside.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { makeWorld } from "../internal/sweep/world.ts"

/** How time goes by. */
export interface Options {
  /** After so much virtual time the program is taken to hang; default a day. */
  readonly limit?: Duration.Input | undefined
  /** Of the chance that the program sees. Default 1. */
  readonly seed?: number | undefined
}

/** Runs a program in virtual time that begins at zero. Dies when nothing is left that could wake it. */
export const run = <A, E, R>(program: Effect.Effect<A, E, R>, options: Options = {}): Effect.Effect<A, E, R> =>
  Effect.contextWith((context) =>
    Effect.callback<A, E>((resume) => {
      const world = makeWorld({ limit: options.limit ?? "1 day", seed: options.seed ?? 1, logs: true })
      const controller = new AbortController()
      const done = world
        .run(program, context, { signal: controller.signal })
        .then((exit) =>
          resume(
            exit === "stuck"
              ? Effect.die(new Error("The program waits for something that does not happen in virtual time."))
              : exit
          )
        )
      return Effect.andThen(
        Effect.sync(() => controller.abort()),
        Effect.promise(() => done)
      )
    })
  )
