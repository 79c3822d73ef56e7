/** The short form of `pnpm soak kill`: a server that is killed under load loses nothing that it acknowledged. */
import { assert, describe, it } from "@effect/vitest"
import { format, killAgainAndAgain } from "./run.ts"

describe("a server that is killed under load", () => {
  it(
    "keeps every acknowledged record, runs nothing twice, and leaves nothing behind",
    { timeout: 240_000 },
    async () => {
      const report = await killAgainAndAgain(6, 7)
      console.log(`    ${format(report).replaceAll("\n", "\n    ")}`)
      assert.deepStrictEqual(report.problems, [])
      assert.isAbove(report.repeated, 0)
      assert.isAbove(report.executions, 0)
    }
  )
})
