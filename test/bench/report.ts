/** What `pnpm bench` found, as a table for a terminal. */
import type { Machine } from "./machine.ts"
import { type Measurements, ratio, type Row } from "./stats.ts"

/** Everything that one start of `pnpm bench` measured; this is what it writes as JSON. */
export interface Report {
  readonly date: string
  readonly machine: Machine
  /** The load of the minute before, and of the last one. */
  readonly load: { readonly before: number; readonly after: number }
  readonly benchmarks: ReadonlyArray<Measurements & { readonly name: string; readonly seconds: number }>
}

/** A number as people read it: three digits that count. */
export const digits = (value: number): string =>
  Number.isNaN(value) ? "-" : value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3)

/** The cells of a row: what, unit, here, its 95th percentile (of speeds the 5th), the rival, what it is, times the rival. */
export const cells = (row: Row): ReadonlyArray<string> => {
  const { better, name, rival, summary, unit } = row
  const times = ratio(row)
  return [
    name,
    better === "more" ? `${unit} (more is better)` : unit,
    digits(summary.p50),
    summary.n > 1 ? digits(better === "more" ? summary.quantiles[1]! : summary.p95) : "",
    rival === undefined ? "" : digits(rival.summary.p50),
    times === undefined ? "" : `${times.toFixed(2)}x`,
    rival?.name ?? ""
  ]
}

/** The names of the cells. */
export const headings = ["", "unit", "here, p50", "p95 (p5)", "rival, p50", "ratio", "rival"]

/** The one table, each benchmark under its name. */
export const table = ({ benchmarks }: Report): string => {
  const parts = benchmarks.map((benchmark) => ({ benchmark, lines: benchmark.rows.map(cells) }))
  const all = [headings, ...parts.flatMap(({ lines }) => lines)]
  const widths = headings.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)))
  const isNumber = (column: number) => column > 1 && column < 6
  const aligned = (line: ReadonlyArray<string>, note = "") =>
    `  ${line.map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join("  ")}  ${note}`.trimEnd()
  return [
    aligned(headings),
    ...parts.flatMap(({ benchmark: { absent, name, rows, where }, lines }) => [
      `${name}${where === undefined ? "" : ` (${where})`}`,
      ...lines.map((line, index) => aligned(line, rows[index]?.note)),
      ...absent.map((missing) => `  not measured: ${missing}`)
    ])
  ].join("\n")
}
