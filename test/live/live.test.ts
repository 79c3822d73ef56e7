/** The live run, which nobody runs without a key: that it refuses then, and that it does what it says on a server of ours. */
import { assert, describe, it } from "@effect/vitest"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { keys, serve } from "../node/server/support.ts"

const live = async (env: Readonly<Record<string, string>>) => {
  const { RUNLOOP_API_KEY: _, RUNLOOP_BASE_URL: __, ...rest } = process.env
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], { env: { ...rest, ...env } })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, "close")) as [number | null]
  return { code, said }
}

describe("pnpm live", () => {
  it("refuses without a key, before anything is sent", async () => {
    const { code, said } = await live({ RUNLOOP_BASE_URL: "http://127.0.0.1:9" })
    assert.strictEqual(code, 2)
    assert.include(said, "RUNLOOP_API_KEY")
  })

  it.live(
    "does on a server of ours what it says, and leaves nothing",
    () =>
      Effect.gen(function* () {
        const { url } = yield* serve({}, memory({ commands: [] }))
        const { code, said } = yield* Effect.promise(() =>
          live({ RUNLOOP_API_KEY: Redacted.value(keys.alice), RUNLOOP_BASE_URL: url })
        )
        console.log(said.replaceAll(/^/gm, "    "))
        assert.strictEqual(code, 0, said)
        assert.include(said, "not Runloop's cloud")
        assert.match(said, /\b1[5-9] ok, 0 failed, \d not offered, 0 left behind/)
      }),
    120_000
  )
})
