/**
 * What a stage came to, and how all of them are shown: a line each, a table, and the plain closing line. Pure functions.
 */
import type { Stage } from "./stages.ts"

/** The counts of a stage, and everything a reader of a red one needs to know. */
export interface Outcome {
  readonly stage: Stage
  readonly passed: number
  readonly failed: number
  readonly skipped: ReadonlyArray<string>
  readonly tiers: ReadonlyArray<string>
  readonly seconds: number
  /** Why it failed, in addition to what its tests said. */
  readonly problems: ReadonlyArray<string>
}

/** The sum of all stages. A problem that no test counted counts as one failure. */
export const totals = (
  outcomes: ReadonlyArray<Outcome>
): { readonly passed: number; readonly failed: number; readonly skipped: number } => ({
  passed: outcomes.reduce((sum, outcome) => sum + outcome.passed, 0),
  failed: outcomes.reduce((sum, outcome) => sum + outcome.failed + outcome.problems.length, 0),
  skipped: outcomes.reduce((sum, outcome) => sum + outcome.skipped.length, 0)
})

const tierOf = (outcome: Outcome): string => (outcome.tiers.length === 0 ? "-" : outcome.tiers.join(" "))

const row = (cells: ReadonlyArray<string>): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(44) : cell.padStart(index === 1 ? 24 : 8))).join(" ")

/** One line, printed when the stage ends. */
export const line = (outcome: Outcome): string => {
  const verdict = outcome.failed + outcome.problems.length === 0 ? "ok" : "FAILED"
  const counts = `${outcome.passed} passed, ${outcome.failed} failed, ${outcome.skipped.length} skipped`
  return [
    `-- ${outcome.stage.name}: ${verdict} (${counts}; tier ${tierOf(outcome)}; ${outcome.seconds.toFixed(1)} s)`,
    ...outcome.problems.map((problem) => `   problem: ${problem}`)
  ].join("\n")
}

/** The table at the end, the reasons for skips and failures, and the closing line, alone and last. */
export const summary = (outcomes: ReadonlyArray<Outcome>): string => {
  const { passed, failed, skipped } = totals(outcomes)
  return [
    "",
    row(["stage", "tier", "passed", "failed", "skipped", "seconds"]),
    ...outcomes.map((outcome) =>
      row([
        outcome.stage.name,
        tierOf(outcome),
        String(outcome.passed),
        String(outcome.failed + outcome.problems.length),
        String(outcome.skipped.length),
        outcome.seconds.toFixed(1)
      ])
    ),
    ...outcomes.flatMap((outcome) => outcome.skipped.map((reason) => `skipped in ${outcome.stage.name}: ${reason}`)),
    ...outcomes.flatMap((outcome) => outcome.problems.map((problem) => `problem in ${outcome.stage.name}: ${problem}`)),
    "",
    `${passed} passed, ${failed} failed, ${skipped} skipped`
  ].join("\n")
}
