/** The check after every file of tests, on files that leave something. */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")

/** Runs a file of tests in a vitest of its own, with the check; gives what it says. */
const runFile = (source: string): Promise<{ readonly failed: boolean; readonly said: string }> => {
  const folder = mkdtempSync(join(root, "test/tools/planted-"))
  writeFileSync(join(folder, "planted.test.ts"), source)
  const config = `export default { test: { root: ${JSON.stringify(root)}, include: [${JSON.stringify(`${folder.slice(root.length + 1)}/*.test.ts`)}], setupFiles: ["test/tools/leakCheck.ts"], teardownTimeout: 500 } }`
  writeFileSync(join(folder, "vitest.config.mjs"), config)
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [vitest, "run", "--config", join(folder, "vitest.config.mjs")],
      { cwd: root, env: { ...process.env, EFFECT_DEVBOX_SUMMARY: undefined } },
      (error, stdout, stderr) => {
        rmSync(folder, { recursive: true, force: true })
        resolve({ failed: error !== null, said: stdout + stderr })
      }
    )
  )
}

describe("the check after a file of tests", () => {
  it("passes one that leaves nothing", async () => {
    const { failed, said } = await runFile(`
      import { it } from "vitest"
      import { execFileSync } from "node:child_process"
      it("is clean", () => void execFileSync("true"))
    `)
    assert.isFalse(failed, said)
  }, 60_000)

  it("fails one that leaves a process, a listener, or a leak that nobody collects", async () => {
    const { failed, said } = await runFile(`
      import { it } from "vitest"
      import { spawn } from "node:child_process"
      import { createServer } from "node:net"
      import { DevboxLeaks } from "@effect-devbox/core"
      import * as Effect from "effect/Effect"
      it("leaves", async () => {
        spawn("sleep", ["11"], { stdio: "ignore" }).unref()
        await new Promise((resolve) => createServer().listen(0, "127.0.0.1", () => resolve(undefined)))
        await Effect.runPromise(
          DevboxLeaks.report({ resource: "devbox", id: "dbx_planted", devboxId: undefined, backend: "none", detail: "planted" })
        )
      })
    `)
    assert.isTrue(failed)
    for (const left of ["sleep 11", "TCPServerWrap", "dbx_planted"]) assert.include(said, left)
  }, 60_000)
})
