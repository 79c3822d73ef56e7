/** What a program loads of undici: the parts for short calls, and the rest when something wants the platform's client. */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { promisify } from "node:util"
import { view } from "./canned.ts"

/** In a process of its own, because the tests' own runner loads modules in its own way. */
const program = `
import { DevboxService } from "@effect-devbox/core/DevboxService"
import * as RunloopNode from "@effect-devbox/node/RunloopNode"
import { Effect, Layer, Redacted, Stream } from "effect"
import { createRequire } from "node:module"
const { cache } = createRequire(import.meta.url)
const loaded = (end) => Object.keys(cache).some((file) => file.endsWith(end))
const layer = RunloopNode.layerNode({ apiKey: Redacted.make("k"), baseUrl: process.argv[1] })
const said = await Effect.gen(function* () {
  const devbox = (yield* DevboxService).attach("dbx_1")
  const { status } = yield* devbox.getInfo
  const short = [loaded("undici/lib/dispatcher/agent.js"), loaded("undici/index.js")]
  const text = yield* Stream.mkString(Stream.decodeText(devbox.file.downloadStream("/x")))
  return { status, short, text, long: loaded("undici/index.js") }
}).pipe(Effect.provide(DevboxService.layer.pipe(Layer.provide(layer))), Effect.runPromise)
console.log(JSON.stringify(said))
`

describe("the client for Node", () => {
  it("loads the whole of undici for the first stream, and not for short calls", async () => {
    const server = createServer((request, response) =>
      request.url?.endsWith("/download_file") === true
        ? response.setHeader("content-type", "application/octet-stream").end("a file")
        : response.setHeader("content-type", "application/json").end(JSON.stringify(view()))
    )
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    try {
      const address = server.address()
      const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
      const args = ["--input-type=module", "--eval", program, url]
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname })
      assert.deepStrictEqual(JSON.parse(stdout), {
        status: "running",
        short: [true, false],
        text: "a file",
        long: true
      })
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })
})
