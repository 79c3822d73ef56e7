/** Random lives of devboxes in memory against the model: no step goes another way. And backends that are broken are found out. */
import { assert, describe, it } from "@effect/vitest"
import { VirtualTime } from "@effect-devbox/core/testing"
import { Duration, Effect } from "effect"
import { atOnce, slowly } from "./memory.ts"
import { mutants } from "./mutants.ts"
import { explain, search } from "./search.ts"

const ways = { "at once": atOnce, "step by step": slowly }
/** A part of those that `many.test.ts` leads. */
const counts = { "at once": 100, "step by step": 200 }
const length = 30
const timeless = <A, E, R>(program: Effect.Effect<A, E, R>) => VirtualTime.run(program, { limit: Duration.infinity })

describe("random lives go as the model says", () => {
  for (const name of ["at once", "step by step"] as const) {
    const { layer, setting, variety } = ways[name]
    it.live(
      `where what is asked for is done ${name}`,
      () =>
        Effect.gen(function* () {
          const result = yield* search({
            from: 1,
            count: counts[name],
            length,
            variety,
            setting,
            layer: layer()
          })
          assert.isUndefined(result.found, result.found === undefined ? "" : explain(result.found))
          console.log(`lives, ${name}: ${result.lives} sequences, ${result.operations} operations, no divergence`)
        }).pipe(timeless),
      60_000
    )
  }
})

describe("random lives find out a backend that", () => {
  for (const { breaks, is, way } of mutants) {
    it.live(is, () =>
      Effect.gen(function* () {
        const { layer, setting, variety } = ways[way ?? "at once"]
        const { found, lives } = yield* search({
          from: 1,
          count: 600,
          length,
          variety,
          setting,
          layer: layer(breaks)
        })
        if (found === undefined) return assert.fail(`${lives} lives did not find out that it ${is}`)
        assert.isAtMost(found.operations.length, 10, `shrunk to ${explain(found)}`)
        console.log(`lives: "${is}" found in life ${found.seed}, shrunk to ${found.operations.length} operations`)
      }).pipe(timeless)
    )
  }
})
