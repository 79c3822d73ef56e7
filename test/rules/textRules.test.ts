/** The text rules hold on the real tree, and each of them rejects the line planted for it. */
import { describe, expect, it } from "vitest"
import { readSources, render } from "./sources.ts"
import { checkText, textRules } from "./textRules.ts"

const glue = (...pieces: ReadonlyArray<string>): string => pieces.join("")

/** For each rule a file and a line that breaks it; glued here, so that this file breaks none. */
const planted: Readonly<Record<string, readonly [path: string, text: string]>> = {
  "no-machine-paths": ["README.md", glue("see /wo", "rk/main")],
  "no-registry-hosts": ["README.md", glue("from registry.npm", "js.org")],
  "no-download-addresses-in-the-lockfile": ["pnpm-lock.yaml", "tarball: https://example.org/x.tgz"],
  "no-workplace-words": ["PROTOCOL.md", glue("as ho", "use.md says")],
  "no-unfinished-work": ["packages/core/src/internal/a.ts", glue("// TO", "DO later")],
  "no-escape-from-types": ["test/core/a.ts", glue("const x = y as", " any")],
  "double-casts-say-why": ["test/core/a.ts", glue("const x = y as unk", "nown as string")],
  "nothing-through-the-root-of-a-process": ["packages/node/src/internal/a.ts", "open(`/proc/${pid}/root/etc`)"],
  "no-skipped-tests": ["test/core/a.test.ts", glue("it.effect.", "skip('x', () => x)")],
  "no-sleeps-in-tests": ["test/core/a.test.ts", glue("set", "Timeout(done, 10)")],
  "no-effect-sleeps-in-real-time": ["test/core/a.test.ts", glue("it.live('x', () => Effect.", "sleep('1 second'))")],
  "test-titles-are-sentences": ["test/core/a.test.ts", glue("it('sho", "uld work', () => x)")]
}

const rulesOf = (path: string, text: string): ReadonlyArray<string> =>
  checkText(new Map([[path, text]])).map((violation) => violation.rule)

describe("text rules", () => {
  it("hold on the real tree", () => {
    expect(render(checkText(readSources()))).toBe("")
  })

  it("have a planted violation each", () => {
    expect(Object.keys(planted).sort()).toEqual(textRules.map((rule) => rule.name).sort())
  })

  it.each(Object.entries(planted))("%s rejects what was planted for it", (name, [path, text]) => {
    expect(rulesOf(path, text)).toEqual([name])
  })

  it("excuse a double cast with a reason beside it, and a sleep that says which time it takes", () => {
    expect(rulesOf("test/a.ts", glue("// rows have no type\nconst x = y as unk", "nown as string"))).toEqual([])
    expect(rulesOf("test/a.ts", glue("Effect.", "sleep('1 hour') // virtual time, moved below"))).toEqual([])
  })

  it("excuse the double casts of a file that opens with their reason, and sleeps where every test has a TestClock", () => {
    const casts = glue("/** Rows: casts, because the driver knows no types. */\nconst x = y as unk", "nown as string")
    expect(rulesOf("test/a.ts", casts)).toEqual([])
    const sleeps = glue("it.effect('x', () => Effect.", "sleep('1 hour'))")
    expect(rulesOf("test/a.test.ts", sleeps)).toEqual([])
    expect(rulesOf("test/a.test.ts", `${sleeps}\nit.live('y', () => z)`)).toEqual(["no-effect-sleeps-in-real-time"])
  })

  it("ask for a comment at the top of a public file and on every public export", () => {
    const path = "packages/core/src/Devbox.ts"
    expect(rulesOf(path, "export const a = 1")).toEqual([
      "public-things-are-documented",
      "public-things-are-documented"
    ])
    expect(rulesOf(path, "/** What it is. */\n/** One. */\nexport const A = 1\nexport type A = typeof A")).toEqual([])
    expect(rulesOf("packages/core/src/internal/a.ts", "export const a = 1")).toEqual([])
  })
})

describe("PROTOCOL.md", () => {
  it("has every number that a comment cites", () => {
    const sources = readSources()
    const protocol = sources.get("PROTOCOL.md") ?? ""
    const has = (number: string) => new RegExp(`^## ${number} |\\*\\*${number}[.* ]`, "m").test(protocol)
    const cited = [...sources].flatMap(([path, text]) =>
      [...text.matchAll(/PROTOCOL (P\d+(?:\.\d+)?)/g)].map(([, number = ""]) => ({ path, number }))
    )
    expect(cited.length).toBeGreaterThan(0)
    expect(cited.filter(({ number }) => !has(number))).toEqual([])
  })
})
