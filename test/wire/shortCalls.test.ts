/** Short calls of the client for Node go the short way: as much comes of them as of others, and a trace goes along if there is one. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import { DevboxId } from "@effect-devbox/core/DevboxModel"
import * as RunloopNode from "@effect-devbox/node/RunloopNode"
import { Effect, Fiber, Layer, Stream, Tracer } from "effect"
import { HttpClient, type HttpClientError } from "effect/http"
import { once } from "node:events"
import type { Socket } from "node:net"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { view } from "./canned.ts"
import { apiKey } from "./support.ts"

const serving = (answer: (request: IncomingMessage, response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(answer)
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const address = server.address()
      return { server, url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}` }
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

const asJson = { headers: { accept: "application/json" } }

/** Asks as a client of ours does when nobody looks. */
const asking = <A>(
  url: string,
  use: (client: HttpClient.HttpClient) => Effect.Effect<A, HttpClientError.HttpClientError>
) =>
  Effect.flatMap(HttpClient.HttpClient, use).pipe(
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
    Effect.provide(RunloopNode.layerClient(url, { primed: 0 }))
  )

describe("the trace of a call", () => {
  const headers = (traced: boolean) =>
    Effect.gen(function* () {
      const seen: Array<IncomingMessage["headers"]> = []
      const { url } = yield* serving((request, response) => {
        seen.push(request.headers)
        response.setHeader("content-type", "application/json").end(JSON.stringify(view()))
      })
      const look = DevboxService.use((devboxes) => devboxes.getInfo(DevboxId.make("dbx_1"))).pipe(
        Effect.provide(
          DevboxService.layer.pipe(Layer.provide(RunloopNode.layerNode({ apiKey, baseUrl: url, primed: 0 })))
        )
      )
      yield* traced ? Effect.withParentSpan(look, Tracer.externalSpan({ traceId: "a1", spanId: "b2" })) : look
      return seen[0]!
    })

  it.live("is sent along when the caller has one, tracer or not", () =>
    Effect.gen(function* () {
      assert.match(String((yield* headers(true))["traceparent"]), /^00-0*a1-/)
    })
  )

  it.live("is not made up when nobody traces", () =>
    Effect.gen(function* () {
      const sent = yield* headers(false)
      assert.isUndefined(sent["traceparent"])
      assert.isUndefined(sent["b3"])
    })
  )
})

describe("an answer in JSON", () => {
  it.live("can be read in every way", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((request, response) =>
        response.writeHead(request.url === "/refused" ? 404 : 200, { "x-word": "ö" }).end('{"a":"é"}')
      )
      yield* asking(url, (client) =>
        Effect.gen(function* () {
          const response = yield* client.get(`${url}/x?y=1`, asJson)
          assert.strictEqual(response.url, `${url}/x?y=1`)
          assert.strictEqual(yield* response.text, '{"a":"é"}')
          assert.deepStrictEqual(yield* response.json, { a: "é" })
          const bytes = Buffer.concat(yield* Stream.runCollect(response.stream))
          assert.strictEqual(bytes.toString(), '{"a":"é"}')
          assert.strictEqual((yield* client.get(`${url}/refused`, asJson)).status, 404)
        })
      )
    })
  )

  it.live("that ends early keeps its status, and reading it fails", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((_, response) => {
        response.writeHead(503, { "content-length": "100" })
        response.write("{", () => response.destroy())
      })
      const [status, failure] = yield* asking(url, (client) =>
        Effect.flatMap(client.get(`${url}/`, asJson), (response) =>
          Effect.map(Effect.flip(response.text), (error) => [response.status, error.reason._tag] as const)
        ).pipe(Effect.orDie)
      )
      assert.strictEqual(status, 503)
      assert.strictEqual(failure, "DecodeError")
    })
  )

  it.live("is no longer asked for when the caller is interrupted", () =>
    Effect.gen(function* () {
      const arrived = Promise.withResolvers<ServerResponse>()
      const { url } = yield* serving((_, response) => arrived.resolve(response))
      const fiber = yield* Effect.forkChild(asking(url, (client) => client.get(`${url}/never`, asJson)))
      const response = yield* Effect.promise(() => arrived.promise)
      const closed = once(response, "close")
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => closed)
    })
  )
})

/** Answers of servers and of what stands between, as bytes; and whether the connection ends with them. */
const odd: Readonly<Record<string, readonly [answer: string, ends: boolean]>> = {
  hints: [`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`, false],
  continue: [`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`, false],
  upgrade: ["HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", false],
  redirect: ["HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n", false],
  twice: ["HTTP/1.1 200 OK\r\nx-word: a\r\nx-word: b\r\ncontent-length: 2\r\n\r\n{}", false],
  unknown: ["HTTP/1.1 799 Odd\r\ncontent-length: 2\r\n\r\nno", false],
  nothing: ["HTTP/1.1 204 No Content\r\n\r\n", false],
  packed: ["HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\u001f!", false],
  unmeasured: ["HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", true],
  cut: ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", true],
  another: ["SSH-2.0-OpenSSH\r\n", true],
  large: [`HTTP/1.1 200 OK\r\nx-word: ${"y".repeat(100_000)}\r\n\r\n`, false],
  silent: ["", true]
}

describe("an odd answer", () => {
  it.live.each(Object.entries(odd))("(%s) is the same in the short way as in the platform's", ([, [answer, ends]]) =>
    Effect.gen(function* () {
      const { server, url } = yield* serving(() => {})
      server.removeAllListeners("connection").on("connection", (socket: Socket) => {
        socket.on("error", () => {})
        socket.once("data", () => (ends ? socket.end(answer) : socket.write(answer)))
      })
      const outcome = (accept: string) =>
        asking(url, (client) =>
          Effect.flatMap(client.get(`${url}/x`, { headers: { accept } }), (response) =>
            Effect.map(response.text, (text) => [response.status, response.headers["x-word"], text])
          )
        ).pipe(Effect.catch(({ reason }) => Effect.succeed([reason._tag, String(reason.cause)])))
      // The short way is for JSON alone.
      assert.deepStrictEqual(yield* outcome("application/json"), yield* outcome("application/json, */*"))
    })
  )
})
