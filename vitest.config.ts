/**
 * How `pnpm test` finds and runs tests. It holds no rule of the project and no test of its own.
 */
import { defineConfig } from "vitest/config"
import { SummaryReporter } from "./test/tools/summaryReporter.ts"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Two cores are the size this project is planned for; a box is processes too.
    maxWorkers: 2,
    reporters: ["default", new SummaryReporter()],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A test that prints says something about the machine (the isolation tier, a reason for a skip).
    disableConsoleIntercept: true
  }
})
