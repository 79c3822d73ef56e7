/** Servers on ports of their own, and the plainest possible ways to talk to them: no client of ours decides what is sent. */
import type { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import * as DevboxServer from "@effect-devbox/node/DevboxServer"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import * as http2 from "node:http2"
import * as https from "node:https"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The keys of two callers. */
export const keys = { alice: Redacted.make("key-of-alice"), bob: Redacted.make("key-of-bob") }

/** A folder that is removed with the scope. */
export const temporaryFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "devbox-server-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** A server over a backend (in memory unless another is given), with its state in a folder of its own. */
export const serve = (
  options: DevboxServer.Options = {},
  backend: Layer.Layer<DevboxBackend, unknown> = memory()
): Effect.Effect<DevboxServer.DevboxServer["Service"], unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const stateDir = options.stateDir ?? (yield* temporaryFolder)
    const layer = DevboxServer.layer({ port: 0, auth: { keys }, ...options, stateDir }).pipe(Layer.provide(backend))
    const context = yield* Layer.build(layer)
    return yield* Effect.provide(DevboxServer.DevboxServer, context)
  })

/** An answer as it came. */
export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
}

/** What to ask. */
export interface Ask {
  readonly method?: string
  readonly path: string
  readonly key?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly ca?: string | undefined
}

const headersOf = (ask: Ask): Record<string, string> => ({
  ...(ask.key === undefined ? {} : { authorization: `Bearer ${ask.key}` }),
  ...(ask.body === undefined ? {} : { "content-type": "application/json" }),
  ...ask.headers
})

/** Over HTTP/1.1, one connection each. */
export const ask1 = async (url: string, ask: Ask): Promise<Answered> => {
  const { promise, reject, resolve } = Promise.withResolvers<Answered>()
  const target = new URL(ask.path, url)
  const http = target.protocol === "https:" ? https : await import("node:http")
  const request = http.request(
    target,
    {
      method: ask.method ?? (ask.body === undefined ? "GET" : "POST"),
      headers: headersOf(ask),
      agent: false,
      ...(ask.ca === undefined ? {} : { ca: ask.ca, ALPNProtocols: ["http/1.1"] })
    },
    (response) => {
      let body = ""
      response.setEncoding("utf8")
      response.on("data", (text: string) => (body += text))
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
      response.on("error", reject)
    }
  )
  request.on("error", reject)
  request.end(ask.body)
  return promise
}

/** Over HTTP/2, all on one connection. */
export const ask2 = async (url: string, ...asks: ReadonlyArray<Ask>): Promise<ReadonlyArray<Answered>> => {
  const ca = asks[0]?.ca
  const session = http2.connect(url, ca === undefined ? {} : { ca })
  try {
    return await Promise.all(
      asks.map((ask) => {
        const { promise, reject, resolve } = Promise.withResolvers<Answered>()
        const stream = session.request({
          ":method": ask.method ?? (ask.body === undefined ? "GET" : "POST"),
          ":path": ask.path,
          ...headersOf(ask)
        })
        let headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {}
        let body = ""
        stream.setEncoding("utf8")
        stream.on("response", (got) => (headers = got))
        stream.on("data", (text: string) => (body += text))
        stream.on("end", () => resolve({ status: headers[":status"] ?? 0, headers, body }))
        stream.on("error", reject)
        session.on("error", reject)
        stream.end(ask.body)
        return promise
      })
    )
  } finally {
    session.close()
  }
}

/** A raw connection: what is written is what is sent, and all that came back when it ended. */
export const raw = (port: number, write: (socket: net.Socket) => void): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>()
  let seen = ""
  const socket = net.connect(port, "127.0.0.1", () => write(socket))
  socket.setEncoding("utf8")
  socket.on("data", (text: string) => (seen += text))
  socket.on("error", () => {})
  socket.on("close", () => resolve(seen))
  return promise
}
