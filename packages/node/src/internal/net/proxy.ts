// The way out of boxes: a forward proxy (requests and CONNECT) in the process that owns them. It serves the connections of
// listening sockets that live inside boxes, each by the rules of its box, and opens no port anywhere else.
import * as http from "node:http"
import type * as net from "node:net"
import { type Duplex, pipeline } from "node:stream"
import { passing } from "./headers.ts"
import { EgressError, reach, type World, world } from "./egress.ts"
import { joinSockets } from "./join.ts"
import type { Rules } from "./rules.ts"

/** A box keeps at most so many connections open at once; those beyond are closed. */
const mostConnections = 1024

/** What is the proxy's to make, besides what belongs to one connection. */
const ownHeaders = new Set(["host", "trailer"])

const statuses: Readonly<Record<EgressError["kind"] | "bad", readonly [number, string]>> = {
  denied: [403, "http_request_denied"],
  unknown: [502, "dns_error"],
  unreachable: [502, "connection_refused"],
  late: [504, "connection_timeout"],
  bad: [400, "http_request_error"]
}

interface Refusal {
  readonly kind: keyof typeof statuses
  readonly message: string
}

const toRefusal = (error: unknown): Refusal =>
  error instanceof EgressError
    ? error
    : { kind: "unreachable", message: error instanceof Error ? error.message : String(error) }

const headersOf = ({ kind, message }: Refusal): Readonly<Record<string, string>> => ({
  "content-type": "text/plain; charset=utf-8",
  "content-length": String(Buffer.byteLength(`${message}\n`)),
  "proxy-status": `effect-devbox; error=${statuses[kind][1]}`,
  connection: "close"
})

const refuse = (response: http.ServerResponse, refusal: Refusal): void => {
  if (response.headersSent) return void response.destroy()
  // Not the one of an answer that could not be passed on.
  response.statusMessage = ""
  response.writeHead(statuses[refusal.kind][0], headersOf(refusal)).end(`${refusal.message}\n`)
}

const refuseTunnel = (client: Duplex, refusal: Refusal): void => {
  const status = statuses[refusal.kind][0]
  const headers = Object.entries(headersOf(refusal)).map(([name, value]) => `${name}: ${value}\r\n`)
  client.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${headers.join("")}\r\n${refusal.message}\n`)
}

/** Serves boxes; close it with whatever owns them. */
export class EgressProxy {
  readonly #world: World
  readonly #server: http.Server
  readonly #rules = new WeakMap<object, () => Rules>()
  readonly #served = new Set<() => void>()

  constructor(around: World = world) {
    this.#world = around
    // Uploads and answers may take as long as they like; what is no request may not.
    this.#server = http.createServer({ requestTimeout: 0, headersTimeout: 30_000 })
    this.#server.on("request", (request, response) => void this.#forward(request, response))
    this.#server.on("connect", (request, client, head) => void this.#tunnel(request, client as net.Socket, head))
    this.#server.on("clientError", (_error, client) => client.destroy())
    // Starts the clock of slow heads, which is started by listening; it listens nowhere by itself.
    this.#server.emit("listening")
  }

  /** Takes the connections of a listening socket inside a box, until the returned function is called. */
  serve(listening: net.Server, rules: () => Rules): () => void {
    const clients = new Set<net.Socket>()
    listening.maxConnections = mostConnections
    listening.on("connection", (client: net.Socket) => {
      clients.add(client)
      client.once("close", () => clients.delete(client))
      client.allowHalfOpen = true
      this.#rules.set(client, rules)
      this.#server.emit("connection", client)
    })
    listening.on("error", () => {})
    // Nobody's process has to stay for what a box may want.
    listening.unref()
    const stop = () => {
      this.#served.delete(stop)
      listening.close()
      for (const client of clients) client.destroy()
    }
    this.#served.add(stop)
    return stop
  }

  /** Ends what it serves at once. */
  close(): void {
    for (const stop of this.#served) stop()
    this.#server.close()
  }

  #reach(client: net.Socket, host: string, port: number): Promise<net.Socket> {
    const rules = this.#rules.get(client)
    if (rules === undefined) return Promise.reject(new EgressError("denied", "no devbox is known by this connection"))
    return reach(rules(), host.replace(/^\[|\]$/g, ""), port, this.#world)
  }

  async #forward(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    response.on("error", () => {})
    request.on("error", () => {})
    const url = URL.parse(request.url ?? "")
    if (url?.protocol !== "http:") {
      const message = "this is the proxy of a devbox: it takes requests with a whole http:// address, and CONNECT"
      return refuse(response, { kind: "bad", message })
    }
    try {
      const upstream = await this.#reach(request.socket, url.hostname, Number(url.port || 80))
      if (response.destroyed) return void upstream.destroy()
      const onward = http.request({
        createConnection: () => upstream,
        method: request.method,
        path: `${url.pathname}${url.search}`,
        // The name that was judged is the name that is asked for.
        headers: ["Host", url.host, ...passing(request.rawHeaders, ownHeaders)],
        setHost: false
      })
      onward.once("response", (answer) => {
        try {
          response.writeHead(answer.statusCode ?? 502, answer.statusMessage, passing(answer.rawHeaders, ownHeaders))
        } catch {
          // Node reads more than it writes. What somebody answers a box must not become the program's error.
          upstream.destroy()
          return refuse(response, { kind: "unreachable", message: "the answer is not HTTP" })
        }
        pipeline(answer, response, () => upstream.destroy())
      })
      onward.on("error", (error) => refuse(response, toRefusal(error)))
      response.once("close", () => onward.destroy())
      pipeline(request, onward, () => {})
    } catch (error) {
      refuse(response, toRefusal(error))
    }
  }

  async #tunnel(request: http.IncomingMessage, client: net.Socket, head: Buffer): Promise<void> {
    client.on("error", () => client.destroy())
    const [, host, port] = /^(\[[0-9a-f:.]+\]|[^:[\]]+):([0-9]{1,5})$/i.exec(request.url ?? "") ?? []
    if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
      return refuseTunnel(client, { kind: "bad", message: "CONNECT takes a host and a port" })
    }
    try {
      const upstream = await this.#reach(client, host, Number(port))
      if (client.destroyed) return void upstream.destroy()
      client.setNoDelay(true)
      client.write("HTTP/1.1 200 Connection established\r\n\r\n")
      if (head.length > 0) upstream.write(head)
      joinSockets(client, upstream)
    } catch (error) {
      refuseTunnel(client, toRefusal(error))
    }
  }
}
