/** The check after every file of tests, on files that leave something. */
import { assert, describe, it } from "@effect/vitest"
import { runPlanted } from "./runPlanted.ts"

describe("the check after a file of tests", () => {
  it("passes one that leaves nothing", async () => {
    const { failed, said } = await runPlanted(`
      import { it } from "vitest"
      import { execFileSync } from "node:child_process"
      it("is clean", () => void execFileSync("true"))
    `)
    assert.isFalse(failed, said)
  }, 60_000)

  it("fails one that leaves a process, a listener, or a leak that nobody collects", async () => {
    const { failed, said } = await runPlanted(`
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
