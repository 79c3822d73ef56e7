/** Two thousand random lives in memory, and some on this machine; `pnpm soak lives` leads two thousand there, too. */
import { assert, describe, it } from "@effect/vitest"
import { VirtualTime } from "@effect-devbox/core/testing"
import { Duration, Effect } from "effect"
import { stateDir } from "../node/local/fixtures.ts"
import { searchLocal } from "./local.ts"
import { atOnce, slowly } from "./memory.ts"
import { explain, type Result, search } from "./search.ts"

const length = 30
const minutes = 300_000

const report = (where: string, { found, lives, operations }: Result): void => {
  assert.isUndefined(found, found === undefined ? "" : explain(found))
  console.log(`lives, ${where}: ${lives} sequences, ${operations} operations, no divergence`)
}

describe("random lives go as the model says", () => {
  for (const [name, way, count] of [
    ["in memory, at once", atOnce, 1000],
    ["in memory, step by step", slowly, 1000]
  ] as const) {
    it.live(
      name,
      () =>
        VirtualTime.run(search({ from: 1, count, length, ...way, layer: way.layer() }), {
          limit: Duration.infinity
        }).pipe(Effect.map((result) => report(name, result))),
      minutes
    )
  }

  it.live(
    "on this machine",
    (context) =>
      Effect.gen(function* () {
        const dir = yield* stateDir
        const result = yield* Effect.scoped(searchLocal(dir, { from: 1, count: 5, length }))
        if ("missing" in result) return context.skip(result.missing)
        return report("on this machine", result)
      }).pipe(Effect.scoped),
    minutes
  )
})
