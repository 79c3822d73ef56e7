/** Prints which law holds on which backend, from the results of the last run of each suite: `node test/conformance/table.ts`. */
import type { LawResult } from "@effect-devbox/core/testing/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { resultsFolder } from "./folder.ts"

/** What a suite wrote. */
export interface SuiteResults {
  readonly name: string
  readonly kind: "backend" | "service"
  readonly results: ReadonlyArray<LawResult>
}

const marks = { Holds: "✓", Skipped: "–", Violated: "✗", Undecided: "?" } as const

/** The table as lines: a law in each row, a backend in each column, and below it why a law was skipped or did not hold. */
export const table = (suites: ReadonlyArray<SuiteResults>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const kind of ["backend", "service"] as const) {
    const columns = suites.filter((suite) => suite.kind === kind)
    const rows = new Map(columns.flatMap(({ results }) => results.map(({ law, title }) => [law, title] as const)))
    if (rows.size === 0) continue
    const width = Math.max(...Array.from(rows.keys(), (law) => law.length))
    lines.push("", `Laws of Devbox${kind === "backend" ? "Backend" : "Service"}`)
    columns.forEach(({ name }, index) => lines.push(`  ${"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index]} ${name}`))
    lines.push(`  ${" ".repeat(width)}  ${columns.map((_, index) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index]).join(" ")}`)
    for (const [law, title] of rows) {
      const cells = columns.map(({ results }) => {
        const found = results.find((result) => result.law === law)
        return found === undefined ? " " : marks[found.verdict._tag]
      })
      lines.push(`  ${law.padEnd(width)}  ${cells.join(" ")}  ${title}`)
    }
    const held = columns.map(({ name, results }) => {
      const count = (tag: keyof typeof marks) => results.filter(({ verdict }) => verdict._tag === tag).length
      return `  ${name}: ${count("Holds")} hold, ${count("Skipped")} skipped, ${count("Violated") + count("Undecided")} do not`
    })
    lines.push("", ...held)
    for (const { name, results } of columns) {
      for (const { law, verdict } of results) {
        if (verdict._tag === "Holds") continue
        const why =
          verdict._tag === "Skipped"
            ? verdict.reason
            : verdict._tag === "Violated"
              ? `${verdict.claim}: ${verdict.detail}`
              : verdict.detail
        lines.push(`  ${marks[verdict._tag]} ${law} on ${name}: ${why.split("\n")[0]}`)
      }
    }
  }
  return lines
}

/** The results of the last run of each suite. */
export const readResults = (): ReadonlyArray<SuiteResults> =>
  existsSync(resultsFolder)
    ? readdirSync(resultsFolder)
        .filter((file) => file.endsWith(".json"))
        .sort()
        .map((file) => JSON.parse(readFileSync(join(resultsFolder, file), "utf8")) as SuiteResults)
    : []

if (import.meta.main) console.log(table(readResults()).join("\n"))
