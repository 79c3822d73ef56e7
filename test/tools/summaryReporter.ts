/**
 * The reporter beside vitest's own: prints why each skipped test was skipped, fails a run in which one was skipped without
 * a reason, and writes counts to the file named by `EFFECT_DEVBOX_SUMMARY` for CI. It changes no result but that.
 */
import { writeFileSync } from "node:fs"
import { relative } from "node:path"
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from "vitest/node"

/** A test, a group of tests or a file that failed, and what it said. */
export interface Failure {
  readonly test: string
  readonly error: string
}

/** What a run of vitest came to. `tiers` are the isolation tiers that tests said they ran in (`task.meta.isolation`). */
export interface Summary {
  readonly passed: number
  readonly failures: ReadonlyArray<Failure>
  readonly skipped: ReadonlyArray<{ readonly test: string; readonly reason: string | undefined }>
  readonly tiers: ReadonlyArray<string>
}

declare module "vitest" {
  interface TaskMeta {
    /** The isolation tier a test ran in and what it stands on, such as `isolated/bubblewrap`. */
    isolation?: string
  }
}

const fileOf = (module: TestModule): string => relative(process.cwd(), module.moduleId)

const nameOf = (test: TestCase | TestSuite): string => `${fileOf(test.module)} > ${test.fullName}`

const failure = (test: string, errors: ReadonlyArray<SerializedError>): Failure => ({
  test,
  error: errors.map(({ message }) => message).join("\n")
})

/** Counts a run. What goes wrong outside a test, in a file, a hook or nowhere in particular, counts as a failure. */
export const summarise = (modules: ReadonlyArray<TestModule>, strayErrors: ReadonlyArray<SerializedError>): Summary => {
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const suites = modules.flatMap((module) => [...module.children.allSuites()])
  return {
    passed: tests.filter((test) => test.result().state === "passed").length,
    failures: [
      ...tests.flatMap((test) => {
        const result = test.result()
        return result.state === "failed" ? [failure(nameOf(test), result.errors)] : []
      }),
      ...suites.filter((suite) => suite.errors().length > 0).map((suite) => failure(nameOf(suite), suite.errors())),
      ...modules.filter((file) => file.errors().length > 0).map((file) => failure(fileOf(file), file.errors())),
      ...strayErrors.map((error) => failure("outside every test", [error]))
    ],
    skipped: tests.flatMap((test) => {
      const result = test.result()
      return result.state === "skipped" ? [{ test: nameOf(test), reason: result.note }] : []
    }),
    tiers: [...new Set(tests.map((test) => test.meta().isolation).filter((tier) => tier !== undefined))].sort()
  }
}

/** The reporter, for `vitest.config.ts`. */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<SerializedError>): void {
    const summary = summarise(modules, errors)
    for (const { test, reason } of summary.skipped) console.log(`skipped: ${test}: ${reason ?? "NO REASON GIVEN"}`)
    // With a name filter every other test counts as skipped; that is the caller's wish, not a silent hole.
    const filtered = process.argv.some((argument) => /^(-t|--testNamePattern)/.test(argument))
    if (!filtered && summary.skipped.some(({ reason }) => reason === undefined)) process.exitCode = 1
    const path = process.env["EFFECT_DEVBOX_SUMMARY"]
    if (path !== undefined) writeFileSync(path, JSON.stringify(summary))
  }
}
