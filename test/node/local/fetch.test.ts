/** HTTP to servers in devboxes of this machine, without a tunnel: what is streamed, what fails and how. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox } from "@effect-devbox/core"
import type { BackendError } from "@effect-devbox/core/DevboxError"
import { Deferred, Effect, Fiber, Stream } from "effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import { inLocal } from "./fixtures.ts"

/** `/slow` comes in two parts, the second when `/go` is asked; `/echo` is what it gets; anything else is dropped. */
const server = `
  let go
  require("http").createServer((request, response) => {
    if (request.url === "/slow") { response.write("first"); go = () => response.end("last") }
    else if (request.url === "/go") { go(); response.end() }
    else if (request.url === "/echo") request.pipe(response)
    else if (request.url === "/host") response.end(request.headers.host)
    else request.socket.destroy()
  }).listen(8080, "127.0.0.1")`

const serving = Effect.gen(function* () {
  const devbox = yield* Devbox.create()
  yield* devbox.cmd.execAsync(["node", "-e", server])
  yield* devbox.net.awaitPort(8080)
  return devbox
})

const get = HttpClientRequest.get

describe("fetch on the local backend", () => {
  it.live("gives the parts of an answer as they come", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { net } = yield* serving
        const slow = yield* net.fetch(8080, get("/slow"))
        const begun = yield* Deferred.make<void>()
        const reading = yield* slow.stream.pipe(
          Stream.decodeText,
          Stream.tap(() => Deferred.succeed(begun, undefined)),
          Stream.mkString,
          Effect.forkScoped
        )
        yield* Deferred.await(begun)
        yield* net.fetch(8080, get("/go"))
        assert.strictEqual(yield* Fiber.join(reading), "firstlast")
      })
    )
  )

  it.live("carries a long body both ways, and names the host that was asked", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { net } = yield* serving
        const part = new Uint8Array(64 * 1024).fill(7)
        const body = HttpClientRequest.bodyStream(
          HttpClientRequest.post("/echo"),
          Stream.take(Stream.forever(Stream.make(part)), 100)
        )
        const answer = yield* net.fetch(8080, body)
        const bytes = yield* Stream.runFold(
          answer.stream,
          () => 0,
          (sum, chunk) => sum + chunk.length
        )
        assert.strictEqual(bytes, 6_553_600)
        assert.strictEqual(yield* (yield* net.fetch(8080, get("/host"))).text, "localhost:8080")
        assert.strictEqual(yield* (yield* net.fetch(8080, get("http://app.example/host"))).text, "app.example")
      })
    )
  )

  it.live("fails typed: refused, dropped, not HTTP, not a port, not running", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* serving
        const { fetch } = devbox.net
        const failure = (effect: ReturnType<typeof fetch>) =>
          Effect.map(Effect.flip(effect), (error) => {
            const { message, outcome, reason } = error as BackendError
            return { message, outcome, reason: reason._tag }
          })
        const refused = yield* failure(fetch(9, get("/")))
        assert.deepInclude(refused, { outcome: "rejected", reason: "TransportError" })
        assert.include(refused.message, `nothing listens on port 9 in devbox ${devbox.id}`)
        const dropped = yield* failure(fetch(8080, get("/dropped")))
        assert.deepInclude(dropped, { outcome: "ambiguous", reason: "TransportError" })
        assert.include((yield* failure(fetch(8080, get("https://localhost/")))).message, "https is not spoken here")
        assert.include((yield* failure(fetch(0, get("/")))).message, "is not a port")
        yield* devbox.shutdown()
        assert.strictEqual((yield* Effect.flip(fetch(8080, get("/host"))))._tag, "DevboxNotReady")
      })
    )
  )
})
