/**
 * What a stage came to, and how all of them are shown: a line each, a table, and the plain closing line. Pure functions.
 */
import { stripVTControlCharacters } from "node:util"
import type { Failure, Summary } from "../summaryReporter.ts"
import type { Stage } from "./stages.ts"

/** The counts of a stage, and everything a reader of a red one needs to know. */
export interface Outcome {
  readonly stage: Stage
  readonly passed: number
  readonly failures: ReadonlyArray<Failure>
  readonly skipped: Summary["skipped"]
  readonly tiers: ReadonlyArray<string>
  readonly seconds: number
  /** Why it failed, in addition to what its tests said. */
  readonly problems: ReadonlyArray<string>
}

/** A problem that no test counted counts as one failure. */
const failedIn = ({ failures, problems }: Outcome): number => failures.length + problems.length

/** The sum of all stages. */
export const totals = (
  outcomes: ReadonlyArray<Outcome>
): { readonly passed: number; readonly failed: number; readonly skipped: number } => ({
  passed: outcomes.reduce((sum, outcome) => sum + outcome.passed, 0),
  failed: outcomes.reduce((sum, outcome) => sum + failedIn(outcome), 0),
  skipped: outcomes.reduce((sum, outcome) => sum + outcome.skipped.length, 0)
})

const tierOf = (outcome: Outcome): string => (outcome.tiers.length === 0 ? "-" : outcome.tiers.join(" "))

const row = (cells: ReadonlyArray<string>): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(44) : cell.padStart(index === 1 ? 24 : 8))).join(" ")

/** One line, printed when the stage ends. */
export const line = (outcome: Outcome): string => {
  const verdict = failedIn(outcome) === 0 ? "ok" : "FAILED"
  const counts = `${outcome.passed} passed, ${outcome.failures.length} failed, ${outcome.skipped.length} skipped`
  return [
    `-- ${outcome.stage.name}: ${verdict} (${counts}; tier ${tierOf(outcome)}; ${outcome.seconds.toFixed(1)} s)`,
    ...outcome.problems.map((problem) => `   problem: ${problem}`)
  ].join("\n")
}

/** How many tests are named that share a reason for being skipped. */
const named = 3

/** Why tests were skipped: a line for each reason. */
const skips = ({ skipped, stage }: Outcome): ReadonlyArray<string> =>
  [...Map.groupBy(skipped, ({ reason }) => reason ?? "NO REASON GIVEN")].map(([reason, tests]) => {
    const more = tests.length > named ? ` and ${tests.length - named} more` : ""
    const names = tests.slice(0, named).map(({ test }) => test)
    return `skipped in ${stage.name}: ${tests.length}: ${reason} (${names.join("; ")}${more})`
  })

/** How many failures are shown with what they said: often only the end of a log is seen, and all of them have to fit there. */
const shown = 12
const linesOfError = 6
const widthOfError = 160

const firstLines = (error: string): ReadonlyArray<string> =>
  stripVTControlCharacters(error)
    .split("\n")
    .filter((text) => text.trim() !== "")
    .slice(0, linesOfError)
    .map((text) => `    ${text.slice(0, widthOfError)}`)

/** What failed, and as much of why as helps to find it further up. */
const failures = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<string> => {
  const all = outcomes.flatMap((outcome) => outcome.failures.map((failure) => ({ ...failure, in: outcome.stage.name })))
  return [
    ...all.slice(0, shown).flatMap((failed) => [`failed in ${failed.in}: ${failed.test}`, ...firstLines(failed.error)]),
    ...(all.length > shown ? [`and ${all.length - shown} more failed; they are further up`] : [])
  ]
}

/** The table at the end, the reasons for skips, what failed and why, and the closing line, alone and last. */
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
        String(failedIn(outcome)),
        String(outcome.skipped.length),
        outcome.seconds.toFixed(1)
      ])
    ),
    ...outcomes.flatMap(skips),
    ...failures(outcomes),
    ...outcomes.flatMap((outcome) => outcome.problems.map((problem) => `problem in ${outcome.stage.name}: ${problem}`)),
    "",
    `${passed} passed, ${failed} failed, ${skipped} skipped`
  ].join("\n")
}
