/** What the reporter writes down for CI, on a file in which everything goes wrong that can. */
import { describe, expect, it } from "vitest"
import { runPlanted } from "./runPlanted.ts"

describe("the reporter", () => {
  it("counts what passed, and names what failed or was skipped, with what it said, in hooks too", async () => {
    const { failed, summary } = await runPlanted(`
      import { afterAll, describe, expect, it } from "vitest"
      describe("a group", () => {
        it("passes", () => {})
        it("fails", () => expect("left").toBe("right"))
        it("is skipped", (context) => context.skip("no such machine"))
        afterAll(() => { throw new Error("the hook says why") })
      })
    `)
    expect(failed).toBe(true)
    expect(summary).toMatchObject({
      passed: 1,
      failures: [
        { test: expect.stringMatching(/planted\.ts > a group > fails$/), error: expect.stringContaining("right") },
        { test: expect.stringMatching(/planted\.ts > a group$/), error: "the hook says why" }
      ],
      skipped: [{ test: expect.stringMatching(/is skipped$/), reason: "no such machine" }]
    })
  }, 60_000)

  it("counts a file that cannot be loaded", async () => {
    const { summary } = await runPlanted(`throw new Error("no tests in here")`)
    expect(summary).toMatchObject({ passed: 0, failures: [{ error: "no tests in here" }] })
  }, 60_000)
})
