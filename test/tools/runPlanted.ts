/** Runs a file of tests, written for the purpose, in a vitest of its own, with the checks that all of ours have. */
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Summary } from "./summaryReporter.ts"

const root = join(import.meta.dirname, "../..")

/** What came of the file. */
export interface Planted {
  readonly failed: boolean
  readonly said: string
  readonly summary: Summary | undefined
}

/** Runs it. */
export const runPlanted = (source: string): Promise<Planted> => {
  const folder = mkdtempSync(join(root, "test/tools/planted-"))
  const summary = join(folder, "summary.json")
  const config = join(folder, "vitest.config.mjs")
  const test = {
    root,
    // Of a name that no other run of tests looks for.
    include: [`${folder.slice(root.length + 1)}/planted.ts`],
    setupFiles: ["test/tools/leakCheck.ts"],
    teardownTimeout: 500
  }
  writeFileSync(join(folder, "planted.ts"), source)
  writeFileSync(
    config,
    `import { SummaryReporter } from "../summaryReporter.ts"
export default { test: { ...${JSON.stringify(test)}, reporters: ["default", new SummaryReporter()] } }`
  )
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", config],
      { cwd: root, env: { ...process.env, EFFECT_DEVBOX_SUMMARY: summary } },
      (error, stdout, stderr) => {
        const counted = existsSync(summary) ? (JSON.parse(readFileSync(summary, "utf8")) as Summary) : undefined
        rmSync(folder, { recursive: true, force: true })
        resolve({ failed: error !== null, said: stdout + stderr, summary: counted })
      }
    )
  )
}
