// HTTP/1 clients: requests, and connections that become something else, such as WebSockets. Both are plain listeners of a Node
// server, so any server can give them what was sent to a tunnel's name.
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import { exchange } from "./exchange.ts"
import { joinSockets } from "../net/join.ts"
import { askerOf, type RawHeaders, toServer } from "../net/headers.ts"
import { page } from "./pages.ts"
import type { Traffic } from "./traffic.ts"
import { type Find, GatewayError, type Target, targetOf } from "./target.ts"

const asGatewayError = (error: unknown): GatewayError =>
  error instanceof GatewayError ? error : new GatewayError(502, "The connection to the devbox failed.")

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0"

const pairs = (raw: RawHeaders): Array<[string, string]> =>
  Array.from({ length: raw.length / 2 }, (_, at) => [raw[at * 2]!, raw[at * 2 + 1]!])

/** Answers a request. */
export const onRequest =
  (find: Find, traffic: Traffic) =>
  async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const { secret, target } = await targetOf(find, request.headers.host, request.headers)
      target.heard()
      await traffic.during(target, (track) => {
        response.once("close", () => track.end())
        return exchange(
          target,
          traffic.pool,
          {
            method: request.method ?? "GET",
            path: request.url ?? "/",
            headers: toServer(request.rawHeaders, askerOf(request), secret),
            body: request,
            hasBody: hasBody(request)
          },
          {
            head: (status, message, headers) => {
              // Events come one by one; a client wants to know that it is connected before the first.
              const sized = headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === "content-length")
              response.writeHead(status, message, headers as Array<string>)
              if (!sized) response.flushHeaders()
            },
            body: response,
            trailers: (headers) => response.addTrailers(pairs(headers))
          },
          track.by
        )
      })
    } catch (error) {
      if (response.headersSent || response.destroyed) return void response.destroy()
      const said = asGatewayError(error)
      const { body, headers } = page(said, request.headers.accept)
      // Not the one of an answer that could not be passed on.
      response.statusMessage = ""
      // A body that nobody reads would be taken for the next request.
      if (hasBody(request) && !request.complete) response.setHeader("connection", "close")
      response.writeHead(said.status, headers).end(body)
    }
  }

/** How often a connection that goes on asks whether its tunnel still leads there. */
const askEvery = 1000

/** For whatever passes: it counts as use, and ends when somebody, perhaps in another process, has removed the tunnel. */
const whileItLeadsThere = (find: Find, { heard, key, port }: Target, end: () => void): (() => void) => {
  let last = Date.now()
  return () => {
    heard()
    const now = Date.now()
    if (now - last < askEvery) return
    last = now
    Promise.resolve(find(key, port)).then(
      (still) => still === undefined && end(),
      () => {}
    )
  }
}

/** Answers a request that asks to become another protocol: after its head the bytes pass as they are. */
export const onUpgrade =
  (find: Find, traffic: Traffic) =>
  async (request: IncomingMessage, client: Duplex, first: Buffer): Promise<void> => {
    // Whatever happens while the server inside is reached, this must not become the program's error.
    client.on("error", () => client.destroy())
    try {
      const { secret, target } = await targetOf(find, request.headers.host, request.headers)
      target.heard()
      const server = await target.dial()
      if (client.destroyed) return void server.destroy()
      const headers = [
        ...toServer(request.rawHeaders, askerOf(request), secret),
        "Connection",
        "Upgrade",
        "Upgrade",
        request.headers.upgrade ?? ""
      ]
      const lines = pairs(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      server.write(`${request.method} ${request.url} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1")
      if (first.length > 0) server.write(first)
      traffic.joined(target, client, server)
      const heard = whileItLeadsThere(find, target, () => client.destroy())
      for (const side of [client, server]) side.on("data", heard)
      joinSockets(client, server)
    } catch (error) {
      const said = asGatewayError(error)
      const { body, headers } = page(said, request.headers.accept)
      const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}\r\n`)
      client.end(`HTTP/1.1 ${said.status} ${said.name}\r\n${lines.join("")}\r\n${body}`)
    }
  }
