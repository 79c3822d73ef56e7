/** The counting of CI adds up, and its commands end: by themselves, by an interrupt, at their deadline. */
import { tmpdir } from "node:os"
import { describe, expect, it } from "vitest"
import { line, type Outcome, summary } from "./outcome.ts"
import { runCommand } from "./runCommand.ts"
import { stages } from "./stages.ts"

const stage = { name: "a", command: ["true"], who: "caller", tests: true, minutes: 1 } as const
const good: Outcome = {
  stage,
  passed: 3,
  failed: 0,
  skipped: [],
  tiers: ["isolated/bubblewrap"],
  seconds: 1,
  problems: []
}

const run = (script: string, options: { readonly interruptAt?: string; readonly minutes?: number } = {}) =>
  runCommand({ command: ["sh", "-c", script], cwd: tmpdir(), env: process.env, minutes: 1, ...options })

describe("the summary", () => {
  it("closes with the plain line, alone and last", () => {
    const skipping: Outcome = { ...good, passed: 1, failed: 2, skipped: ["b: no such machine"] }
    expect(summary([good, skipping]).split("\n").at(-1)).toBe("4 passed, 2 failed, 1 skipped")
    expect(summary([skipping])).toContain("skipped in a: b: no such machine")
  })

  it("counts a problem that no test counted as a failure", () => {
    const leaking: Outcome = { ...good, problems: ["left behind: process 7"] }
    expect(summary([leaking]).split("\n").at(-1)).toBe("3 passed, 1 failed, 0 skipped")
    expect(line(leaking)).toMatch(/^-- a: FAILED .*tier isolated\/bubblewrap.*\n.*left behind: process 7$/)
  })
})

describe("the stages", () => {
  it("have names of their own, and ask for the isolated tier as both users with both launchers", () => {
    expect(new Set(stages.map(({ name }) => name)).size).toBe(stages.length)
    const asked = stages.filter(({ name }) => name.startsWith("local: ")).map(({ tier, who }) => `${who} ${tier}`)
    expect(asked.sort()).toEqual([
      "ordinary user isolated/bubblewrap",
      "ordinary user isolated/util-linux",
      "root isolated/bubblewrap",
      "root isolated/util-linux"
    ])
  })
})

describe("a command of CI", () => {
  it("gives its exit status", async () => {
    expect(await run("exit 3")).toEqual({ code: 3, interrupted: false })
  })

  it("is interrupted with everything in its group when it has printed the word", async () => {
    expect(await run("echo now; exec tail -f /dev/null", { interruptAt: "now" })).toMatchObject({ interrupted: true })
  })

  it("is a problem when it ends before it could be interrupted", async () => {
    expect(await run("true", { interruptAt: "now" })).toMatchObject({ interrupted: false, problem: expect.anything() })
  })

  it("is killed at its deadline, and that is a problem", async () => {
    expect(await run("tail -f /dev/null", { minutes: 0.003 })).toMatchObject({
      problem: expect.stringMatching(/killed/)
    })
  })
})
