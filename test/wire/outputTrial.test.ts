/** Output over the wire through every kind of broken connection: what arrives is what was printed. The long form is in `pnpm soak output`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { draw, judge, mutants, type Verdict } from "./outputTrial.ts"

const cases = 150
const largest = 200_000

describe("output over the wire", () => {
  it.live("is what was printed, or an error where the server left bytes out, in hundreds of trials", () =>
    Effect.gen(function* () {
      const counts = { exact: 0, refused: 0 }
      const kinds = new Map<string, number>()
      let bytes = 0
      for (let seed = 1; seed <= cases; seed++) {
        const trial = draw(seed, largest)
        const verdict = yield* judge(trial)
        if (typeof verdict === "object") return assert.fail(`${verdict.wrong}: ${JSON.stringify(trial)}`)
        counts[verdict] += 1
        bytes += trial.size
        for (const { kind } of trial.faults) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      }
      assert.isAbove(counts.exact, cases / 2)
      assert.isAbove(counts.refused, 0)
      console.log(
        `output: ${cases} trials, ${bytes} bytes, ${counts.exact} exact, ${counts.refused} refused for bytes left out; faults ${JSON.stringify(Object.fromEntries(kinds))}`
      )
    })
  )

  for (const [is, change] of Object.entries(mutants)) {
    it.live(`finds out a reader that ${is}`, () =>
      Effect.gen(function* () {
        for (let seed = 1; seed <= cases; seed++) {
          const verdict: Verdict = yield* judge(draw(seed, 5000), change)
          if (typeof verdict === "object") return
        }
        assert.fail("no trial noticed")
      })
    )
  }
})
