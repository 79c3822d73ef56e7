/** Numbers of a benchmark and how they are shown. It measures nothing and judges nothing. */

/** What came of repeating something, in milliseconds unless the row says otherwise. */
export interface Summary {
  readonly n: number
  readonly p50: number
  readonly p95: number
  readonly max: number
}

/** A line of the table. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly summary: Summary
  /** What a reader has to know beside the numbers. */
  readonly note?: string
}

/** The value below which a share of the samples lies: the nearest rank, no interpolation. */
export const percentile = (samples: ReadonlyArray<number>, share: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** The summary of samples. */
export const summarise = (samples: ReadonlyArray<number>): Summary => ({
  n: samples.length,
  p50: percentile(samples, 0.5),
  p95: percentile(samples, 0.95),
  max: percentile(samples, 1)
})

const digits = (value: number): string =>
  Number.isNaN(value) ? "-" : value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3)

/** Rows under a heading, one line each. */
export const table = (heading: string, rows: ReadonlyArray<Row>): string => {
  const cells = [
    ["measured", "unit", "n", "p50", "p95", "max", ""],
    ...rows.map(({ name, unit, summary: { n, p50, p95, max }, note }) => [
      name,
      unit,
      String(n),
      digits(p50),
      digits(p95),
      digits(max),
      note ?? ""
    ])
  ]
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length))) ?? []
  const line = (row: ReadonlyArray<string>): string =>
    row
      .map((cell, column) =>
        column < 2 || column > 5 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
      )
      .join("  ")
      .trimEnd()
  return [heading, ...cells.map(line)].join("\n")
}
