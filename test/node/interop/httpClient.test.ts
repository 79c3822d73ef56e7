/** Effect's `HttpClient` to a port in a devbox does what Effect's own does to the same server on this machine: the same outcomes. */
import { Devbox } from "@effect-devbox/core"
import type { BackendError } from "@effect-devbox/core/DevboxError"
import * as DevboxHttpClient from "@effect-devbox/core/DevboxHttpClient"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Schema, Stream } from "effect"
import { HttpClient, type HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { inLocal } from "../local/fixtures.ts"

/** What answers: users, an echo of whatever is sent, a redirect, a server that is busy twice, one that hangs up, one that streams. */
const server = (port: number): string => `
  let busy = 2
  require("http").createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://x")
    const json = (status, value) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value))
    if (pathname === "/users/1") json(200, { id: 1, name: "Ada" })
    else if (pathname === "/echo") {
      const parts = []
      request.on("data", (part) => parts.push(part)).on("end", () =>
        json(201, { method: request.method, query: [...searchParams], type: request.headers["content-type"],
          given: request.headers["x-given"], length: request.headers["content-length"], body: Buffer.concat(parts).toString() }))
    }
    else if (pathname === "/old") response.writeHead(302, { location: "/users/1" }).end()
    else if (pathname === "/busy") busy-- > 0 ? json(503, {}) : json(200, { busy })
    else if (pathname === "/gone") request.socket.destroy()
    else if (pathname === "/cookies") response.writeHead(204, { "set-cookie": ["a=1; Path=/", "b=2"] }).end()
    else if (pathname === "/stream") { let n = 0; const more = () => n++ < 100 ? response.write("x".repeat(10000), more) : response.end(); more() }
    else json(404, { missing: pathname })
  }).listen(${port}, "127.0.0.1", function () { console.log(this.address().port) })`

const User = Schema.Struct({ id: Schema.Int, name: Schema.String })

type Step = (
  client: HttpClient.HttpClient
) => Effect.Effect<unknown, HttpClientError.HttpClientError | Schema.SchemaError>

const posted = HttpClientRequest.post("/echo").pipe(
  HttpClientRequest.appendUrlParam("q", "a b"),
  HttpClientRequest.setHeader("x-given", "yes")
)

const steps: ReadonlyArray<readonly [string, Step]> = [
  ["decodes a body", (client) => Effect.flatMap(client.get("/users/1"), HttpClientResponse.schemaBodyJson(User))],
  ["gives the status of what is missing", (client) => Effect.map(client.get("/nobody"), ({ status }) => status)],
  ["fails for it when told so", (client) => HttpClient.filterStatusOk(client).get("/nobody")],
  [
    "sends text",
    (client) => Effect.flatMap(client.execute(HttpClientRequest.bodyText(posted, "täxt")), ({ json }) => json)
  ],
  [
    "sends a stream",
    (client) => {
      const parts = Stream.make("one ", "two").pipe(Stream.encodeText)
      return Effect.flatMap(client.execute(HttpClientRequest.bodyStream(posted, parts)), ({ json }) => json)
    }
  ],
  ["sends nothing", (client) => Effect.flatMap(client.execute(HttpClientRequest.delete("/echo")), ({ json }) => json)],
  ["is not redirected by itself", (client) => Effect.map(client.get("/old"), ({ status }) => status)],
  [
    "follows when told so",
    (client) => Effect.flatMap(HttpClient.followRedirects(client).get("/old"), HttpClientResponse.schemaBodyJson(User))
  ],
  [
    "tries again when told so",
    (client) =>
      Effect.flatMap(
        HttpClient.retryTransient(client, { schedule: Schedule.spaced("5 millis"), times: 5 }).get("/busy"),
        ({ json }) => json
      )
  ],
  ["fails when the server hangs up", (client) => client.get("/gone")],
  ["gives headers and cookies", (client) => Effect.map(client.get("/cookies"), ({ cookies }) => cookies.toJSON())],
  [
    "gives a body as it comes",
    (client) =>
      Effect.flatMap(client.get("/stream"), ({ stream }) =>
        Stream.runFold(
          stream,
          () => 0,
          (sum, part) => sum + part.length
        )
      )
  ],
  ["has no body for HEAD", (client) => Effect.flatMap(client.head("/users/1"), ({ text }) => text)]
]

/** What came of a step, as far as it does not name a place. */
const outcome = (step: Step, client: HttpClient.HttpClient) =>
  step(client).pipe(
    Effect.map((value) => ({ value })),
    Effect.catch((error) =>
      Effect.succeed({ failed: error._tag, reason: "reason" in error ? error.reason._tag : undefined })
    )
  )

const onThisMachine = Effect.acquireRelease(
  Effect.promise(async () => {
    const child = spawn(process.execPath, ["-e", server(0)], { stdio: ["ignore", "pipe", "inherit"] })
    const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string]
    return { child, port: Number(line) }
  }),
  ({ child }) => Effect.promise(() => (child.kill(), once(child, "exit")))
)

describe("Effect's HttpClient to a port in a devbox", () => {
  it.live(
    "does the same as Effect's own on this machine",
    () =>
      inLocal(() =>
        Effect.gen(function* () {
          const { port } = yield* onThisMachine
          const own = HttpClient.mapRequest(
            yield* NodeHttpClient.makeNodeHttp.pipe(Effect.provide(NodeHttpClient.layerAgent)),
            HttpClientRequest.prependUrl(`http://127.0.0.1:${port}`)
          )
          const devbox = yield* Devbox.create()
          yield* devbox.cmd.execAsync(["node", "-e", server(8080)])
          yield* devbox.net.awaitPort(8080)
          const inside = DevboxHttpClient.make(devbox, 8080)
          for (const [title, step] of steps) {
            assert.deepStrictEqual(yield* outcome(step, inside), yield* outcome(step, own), title)
          }
        })
      ),
    60_000
  )

  it.live("says why nobody answers, with the devbox's own error", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        const error = yield* HttpClient.get("/").pipe(Effect.provide(DevboxHttpClient.layer(devbox, 9)), Effect.flip)
        assert.strictEqual(error.reason._tag, "TransportError")
        assert.include(error.message, `nothing listens on port 9 in devbox ${devbox.id}`)
        assert.strictEqual((error.cause as BackendError)._tag, "BackendError")
      })
    )
  )
})
