/**
 * How `pnpm test` and `pnpm test:system` find and run tests: the first runs what needs a moment, the second what starts real
 * boxes, kills their owners or runs a suite on every launcher. It holds no rule of the project and no test of its own.
 */
import { configDefaults, defineConfig } from "vitest/config"
import { SummaryReporter } from "./test/tools/summaryReporter.ts"

const system = [
  "test/node/sandbox/*.test.ts",
  "test/node/local/*.test.ts",
  "test/node/gates/*.test.ts",
  "test/node/interop/*.test.ts",
  "test/examples/*.test.ts",
  "test/node/cli/*.test.ts",
  "test/node/net/*.test.ts",
  "test/node/server/official/*.test.ts",
  "test/node/server/kill/*.test.ts",
  "test/node/server/fuzz/*.test.ts",
  "test/node/store/database.test.ts",
  "test/conformance/local.test.ts",
  "test/lives/many.test.ts",
  "test/wire/conformance.test.ts",
  "test/wire/node.test.ts",
  "test/tools/leaks.test.ts"
]
/** Says in which tier a devbox of this machine runs; both suites want to know. */
const tier = "test/tools/tier.test.ts"
const isSystem = process.env["EFFECT_DEVBOX_TESTS"] === "system"

export default defineConfig({
  test: {
    include: isSystem ? [...system, tier] : ["test/**/*.test.ts", "examples/*.test.ts"],
    exclude: isSystem ? configDefaults.exclude : [...configDefaults.exclude, ...system],
    setupFiles: ["test/tools/leakCheck.ts"],
    // Two cores are the size this project is planned for; a box is processes too.
    maxWorkers: 2,
    reporters: ["default", new SummaryReporter()],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A test that prints says something about the machine (the isolation tier, a reason for a skip).
    disableConsoleIntercept: true
  }
})
