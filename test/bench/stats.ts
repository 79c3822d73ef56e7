/** Numbers of a benchmark. It measures nothing, shows nothing and judges nothing. */

/** What came of repeating something, in the unit of its row. */
export interface Summary {
  readonly n: number
  readonly p50: number
  readonly p95: number
  readonly max: number
  /** From the least to the greatest, in steps of a twentieth: 21 numbers. */
  readonly quantiles: ReadonlyArray<number>
}

/** One thing that was measured, beside its rival in the same run. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly summary: Summary
  /** The same without us, or with somebody else. */
  readonly rival?: { readonly name: string; readonly summary: Summary }
  /** Default less: times and weights. More is better of speeds. */
  readonly better?: "more"
  /** What a reader has to know beside the numbers. */
  readonly note?: string
}

/** What a benchmark gives. */
export interface Measurements {
  /** Where it ran, if that matters: the isolation, the user. */
  readonly where?: string
  readonly rows: ReadonlyArray<Row>
  /** What was not measured, and why. */
  readonly absent: ReadonlyArray<string>
}

/** The value below which a share of the samples lies: the nearest rank, no interpolation. */
export const percentile = (samples: ReadonlyArray<number>, share: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** Four digits are more than a machine repeats. */
const rounded = (value: number): number => Number(value.toPrecision(4))

/** The summary of samples. */
export const summarise = (samples: ReadonlyArray<number>): Summary => {
  const at = (share: number) => rounded(percentile(samples, share))
  return {
    n: samples.length,
    p50: at(0.5),
    p95: at(0.95),
    max: at(1),
    quantiles: Array.from({ length: 21 }, (_, index) => at(index / 20))
  }
}

/** How many times the rival, at the median. */
export const ratio = ({ rival, summary }: Row): number | undefined =>
  rival === undefined ? undefined : summary.p50 / rival.summary.p50
