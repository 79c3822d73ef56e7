/**
 * The reporter beside vitest's own: prints why each skipped test was skipped, fails a run in which one was skipped without
 * a reason, and writes counts to the file named by `EFFECT_DEVBOX_SUMMARY` for CI. It changes no result but that.
 */
import { writeFileSync } from "node:fs"
import { relative } from "node:path"
import type { Reporter, TestCase, TestModule } from "vitest/node"

/** What a run of vitest came to. `tiers` are the isolation tiers that tests said they ran in (`task.meta.isolation`). */
export interface Summary {
  readonly passed: number
  readonly failed: number
  readonly skipped: ReadonlyArray<{ readonly test: string; readonly reason: string | undefined }>
  readonly tiers: ReadonlyArray<string>
}

declare module "vitest" {
  interface TaskMeta {
    /** The isolation tier a test ran in and what it stands on, such as `isolated/bubblewrap`. */
    isolation?: string
  }
}

const nameOf = (test: TestCase): string => `${relative(process.cwd(), test.module.moduleId)} > ${test.fullName}`

/** Counts a run. A file that could not be loaded and an error outside a test count as failures. */
export const summarise = (modules: ReadonlyArray<TestModule>, strayErrors: number): Summary => {
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const broken = modules.filter((module) => module.errors().length > 0).length
  const skipped = tests.flatMap((test) => {
    const result = test.result()
    return result.state === "skipped" ? [{ test: nameOf(test), reason: result.note }] : []
  })
  return {
    passed: tests.filter((test) => test.result().state === "passed").length,
    failed: tests.filter((test) => test.result().state === "failed").length + broken + strayErrors,
    skipped,
    tiers: [...new Set(tests.map((test) => test.meta().isolation).filter((tier) => tier !== undefined))].sort()
  }
}

/** The reporter, for `vitest.config.ts`. */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    const summary = summarise(modules, errors.length)
    for (const { test, reason } of summary.skipped) console.log(`skipped: ${test}: ${reason ?? "NO REASON GIVEN"}`)
    // With a name filter every other test counts as skipped; that is the caller's wish, not a silent hole.
    const filtered = process.argv.some((argument) => /^(-t|--testNamePattern)/.test(argument))
    if (!filtered && summary.skipped.some(({ reason }) => reason === undefined)) process.exitCode = 1
    const path = process.env["EFFECT_DEVBOX_SUMMARY"]
    if (path !== undefined) writeFileSync(path, JSON.stringify(summary))
  }
}
