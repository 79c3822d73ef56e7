/** The page of results says what was measured, in every part that there is; the table has room for every row. */
import { readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { measured, page } from "./page.ts"
import { table } from "./report.ts"
import { ratio, summarise } from "./stats.ts"

const docs = resolve(import.meta.dirname, "../../docs")

describe("the page of benchmarks", () => {
  it("is what page.ts writes from benchmarks.json (node test/bench/page.ts)", () => {
    const files = page(measured())
    const stale = [...files].filter(([name, text]) => readFileSync(join(docs, name), "utf8") !== text)
    expect(stale.map(([name]) => name)).toEqual([])
    const plots = readdirSync(join(docs, "benchmarks")).map((name) => `benchmarks/${name}`)
    expect(plots.toSorted()).toEqual([...files.keys()].filter((name) => name.endsWith(".svg")).toSorted())
  })

  it("has every part, each with a rival in its run", () => {
    const { benchmarks } = measured()
    expect(benchmarks.map(({ name }) => name)).toEqual([
      "client",
      "local",
      "server",
      "streams",
      "snapshots",
      "tunnels",
      "weight"
    ])
    const alone = benchmarks.filter(({ rows }) => rows.every(({ rival }) => rival === undefined))
    expect(alone.map(({ name }) => name)).toEqual([])
  })

  it("gives each row a line in the table, with the ratio of the medians", () => {
    const row = {
      name: "a thing",
      unit: "ms",
      summary: summarise([2, 4, 6]),
      rival: { name: "another", summary: summarise([1, 2, 3]) }
    }
    expect(ratio(row)).toBe(2)
    const report = { ...measured(), benchmarks: [{ name: "part", seconds: 1, rows: [row], absent: ["docker: none"] }] }
    const lines = table(report).split("\n")
    expect(lines.find((line) => line.includes("a thing"))).toMatch(/4\.00 +6\.00 +2\.00 +2\.00x +another$/)
    expect(lines.at(-1)).toBe("  not measured: docker: none")
  })
})
