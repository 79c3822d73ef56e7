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
  failures: [],
  skipped: [],
  tiers: ["isolated/bubblewrap"],
  seconds: 1,
  problems: []
}

const red: Outcome = {
  ...good,
  passed: 1,
  failures: [
    { test: "d > e", error: "\u001b[31mexpected 1\u001b[39m\n\nto be 2" },
    { test: "f", error: "" }
  ],
  skipped: [
    ...[0, 1, 2, 3].map((n) => ({ test: `b${n}`, reason: "no such machine" })),
    { test: "c", reason: undefined }
  ]
}

const run = (script: string, options: { readonly interruptAt?: string; readonly minutes?: number } = {}) =>
  runCommand({ command: ["sh", "-c", script], cwd: tmpdir(), env: process.env, minutes: 1, ...options })

describe("the summary", () => {
  it("closes with the plain line, alone and last", () => {
    expect(summary([good, red]).split("\n").at(-1)).toBe("4 passed, 2 failed, 5 skipped")
  })

  it("gives each reason for skipping one line, with how many and a few names", () => {
    expect(
      summary([red])
        .split("\n")
        .filter((text) => text.startsWith("skipped"))
    ).toEqual(["skipped in a: 4: no such machine (b0; b1; b2 and 1 more)", "skipped in a: 1: NO REASON GIVEN (c)"])
  })

  it("says last, right above the closing line, what failed, the beginning of why, and the problems", () => {
    const said = summary([red, { ...good, problems: ["left behind: process 7"] }])
    expect(said.slice(said.lastIndexOf("skipped in a")).split("\n").slice(1)).toEqual([
      "failed in a: d > e",
      "    expected 1",
      "    to be 2",
      "failed in a: f",
      "problem in a: left behind: process 7",
      "",
      "4 passed, 3 failed, 5 skipped"
    ])
  })

  it("stays short however much failed, so that the end of a log holds all of it", () => {
    const failures = Array.from({ length: 500 }, (_, n) => ({ test: `t${n}`, error: "word ".repeat(10_000) }))
    const said = summary([{ ...good, failures }])
    expect(said.length).toBeLessThan(10_000)
    expect(said).toContain("more failed; they are further up")
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
  it("gives its exit status and what it said last", async () => {
    expect(await run("echo bad; exit 3")).toEqual({ code: 3, interrupted: false, last: "bad" })
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
