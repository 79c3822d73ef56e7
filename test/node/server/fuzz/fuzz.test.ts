/** The short form of `pnpm soak fuzz`: what careless and hostile clients send neither breaks the server nor stays in its memory. */
import { assert, describe, it } from "@effect/vitest"
import { format, fuzz } from "./run.ts"

describe("a server that is sent 2,000 odd requests", () => {
  it("answers each, fails at none, and keeps nothing of them", { timeout: 120_000 }, async () => {
    const report = await fuzz(2000, 1)
    console.log(`    ${format(report).replaceAll("\n", "\n    ")}`)
    assert.isFalse(report.crashed, report.stderr)
    assert.deepStrictEqual(report.faults, [])
    assert.deepStrictEqual(report.hung, [])
    assert.strictEqual(report.stderr, "")
    const answered = Object.entries(report.statuses).filter(([status]) => /^\d{3}$/.test(status) && status !== "000")
    assert.isAbove(answered.length, 6)
  })
})
