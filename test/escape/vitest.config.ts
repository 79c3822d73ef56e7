/**
 * How `pnpm escape` runs the escape attempts: one file after another, because they fill the machine with processes, and apart
 * from `pnpm test`. `EFFECT_DEVBOX_BUBBLEWRAP=off` hides bubblewrap; the user is whoever starts it.
 */
import { resolve } from "node:path"
import { defineConfig } from "vitest/config"
import { SummaryReporter } from "../tools/summaryReporter.ts"

export default defineConfig({
  root: resolve(import.meta.dirname, "../.."),
  test: {
    include: ["test/escape/*.slow.ts"],
    fileParallelism: false,
    reporters: ["default", new SummaryReporter()],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // The table of outcomes is the point of it.
    disableConsoleIntercept: true
  }
})
