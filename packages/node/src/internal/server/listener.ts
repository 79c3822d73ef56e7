/**
 * One port that speaks HTTP/1.1 and HTTP/2, with a certificate or without: connections are told apart and handed to Node's two
 * servers, whose requests come out in one place. Limits are kept here; what a request means is nobody's business in this file.
 */
import * as http from "node:http"
import * as http2 from "node:http2"
import * as net from "node:net"
import type { Duplex } from "node:stream"
import * as tls from "node:tls"
import { sniff } from "../net/preface.ts"
import { refuseConnection, refuseRequest, refuseSocket, watchBody } from "./refuse.ts"

/** What a port allows. Times are in milliseconds. */
export interface Limits {
  readonly connections: number
  readonly headerBytes: number
  readonly headerTime: number
  /** How long a body may stand still. */
  readonly bodyStall: number
  /** How long a connection without a request is kept. */
  readonly idle: number
  /** How many requests one HTTP/2 connection may have at once. */
  readonly streams: number
}

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

/** Requests that are not for the interface but for a host name of their own, such as a tunnel's. */
export interface HostRoute {
  /** Whether the name (without port, in lower case) is this route's. */
  readonly accepts: (host: string) => boolean
  readonly request: (request: http.IncomingMessage, response: http.ServerResponse) => void
  readonly upgrade?: ((request: http.IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined
  readonly connect?: ((request: http.IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined
}

/** A port, and what can be done to it. */
export interface Listener {
  /** Listens, and emits what an `http.Server` emits: `request`, `upgrade` and `checkContinue`. */
  readonly server: net.Server
  /** How many connections are open. */
  readonly open: () => number
  /** Takes no more connections, and lets those that are open go as soon as their requests are answered. */
  readonly retire: () => void
  /** When no request is being answered any more. */
  readonly drained: () => Promise<void>
  /** Cuts what is still open. */
  readonly cut: () => void
}

const hostOf = (request: http.IncomingMessage): string =>
  String(request.headers[":authority"] ?? request.headers.host ?? "")
    .replace(/:\d+$/, "")
    .toLowerCase()

/** The sessions of HTTP/2, which have no clock of their own for "connected, but asks nothing". */
const watchSessions = (server: http2.Http2Server, idle: number) => {
  const sessions = new Map<http2.ServerHttp2Session, { open: number; since: number }>()
  server.on("session", (session) => {
    const state = { open: 0, since: Date.now() }
    sessions.set(session, state)
    session.on("stream", (stream) => {
      state.open++
      stream.once("close", () => {
        state.open--
        state.since = Date.now()
      })
    })
    session.once("close", () => sessions.delete(session))
  })
  // A broken connection is the client's affair; without a listener it would end the process.
  server.on("sessionError", () => {})
  const timer = setInterval(
    () => {
      const now = Date.now()
      for (const [session, { open, since }] of sessions) if (open === 0 && now - since > idle) session.destroy()
    },
    Math.max(250, idle / 4)
  ).unref()
  return { sessions, stop: () => clearInterval(timer) }
}

/** See above. The server does not listen yet. */
export const makeListener = (
  limits: Limits,
  certificate?: Certificate,
  routes: ReadonlyArray<HostRoute> = []
): Listener => {
  const first = http.createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerTime,
    // A large upload may take as long as it moves; see `watchBody`.
    requestTimeout: 0,
    keepAliveTimeout: limits.idle,
    connectionsCheckingInterval: Math.min(1000, limits.headerTime)
  })
  const second = http2.createServer({
    settings: { maxConcurrentStreams: limits.streams, maxHeaderListSize: limits.headerBytes }
  })
  const front: net.Server =
    certificate === undefined
      ? net.createServer({ noDelay: true })
      : tls.createServer({ ...certificate, ALPNProtocols: ["h2", "http/1.1"], handshakeTimeout: limits.headerTime })
  // A few more than are served get the answer that there are too many.
  front.maxConnections = limits.connections + 256
  const sockets = new Set<net.Socket>()
  const running = new Set<http.ServerResponse>()
  const { sessions, stop } = watchSessions(second, limits.idle)
  let retired = false
  let quiet: Array<() => void> = []

  const welcome = (socket: net.Socket, hand: () => void) => {
    socket.on("error", () => socket.destroy())
    if (sockets.size >= limits.connections) return refuseSocket(socket, "connections")
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    hand()
  }
  if (certificate === undefined) {
    front.on("connection", (socket: net.Socket) =>
      welcome(socket, () =>
        sniff(socket, limits.headerTime, (protocol) => (protocol === "h2" ? second : first).emit("connection", socket))
      )
    )
  } else {
    front.on("secureConnection", (socket: tls.TLSSocket) =>
      welcome(socket, () => (socket.alpnProtocol === "h2" ? second : first).emit("connection", socket))
    )
    front.on("tlsClientError", (_: Error, socket: tls.TLSSocket) => socket.destroy())
  }
  // Starts the clock of slow heads, which is started by listening; the port is another server's.
  first.emit("listening")

  const routeOf = (request: http.IncomingMessage) => {
    if (routes.length === 0) return undefined
    const host = hostOf(request)
    return routes.find((route) => route.accepts(host))
  }
  const track = (response: http.ServerResponse) => {
    running.add(response)
    response.once("close", () => {
      running.delete(response)
      if (running.size > 0) return
      for (const tell of quiet) tell()
      quiet = []
    })
  }
  for (const event of ["request", "checkContinue"] as const) {
    const dispatch = (request: http.IncomingMessage, response: http.ServerResponse) => {
      track(response)
      if (retired) response.shouldKeepAlive = false
      watchBody(request, response, limits.bodyStall)
      const route = routeOf(request)
      if (route !== undefined) {
        if (event === "checkContinue") response.writeContinue()
        return route.request(request, response)
      }
      if (!/^(\/|https?:\/\/)/.test(request.url ?? "")) return refuseRequest(response, "target")
      return void front.emit(event, request, response)
    }
    first.on(event, dispatch)
    // The requests of HTTP/2 have the same members as far as anybody here uses them.
    second.on(event, dispatch as unknown as (request: http2.Http2ServerRequest) => void)
  }
  first.on("upgrade", (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    const route = routeOf(request)
    if (route === undefined) return void front.emit("upgrade", request, socket, head)
    return route.upgrade === undefined ? refuseSocket(socket, "upgrade") : route.upgrade(request, socket, head)
  })
  first.on("connect", (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    const connect = routeOf(request)?.connect
    return connect === undefined ? refuseSocket(socket, "method") : connect(request, socket, head)
  })
  first.on("clientError", refuseConnection)

  return {
    server: front,
    open: () => sockets.size,
    retire: () => {
      if (retired) return
      retired = true
      front.close()
      for (const response of running) if (!response.headersSent) response.shouldKeepAlive = false
      for (const session of sessions.keys()) session.close()
      first.closeIdleConnections()
    },
    drained: () => (running.size === 0 ? Promise.resolve() : new Promise((resolve) => quiet.push(resolve))),
    cut: () => {
      stop()
      for (const session of sessions.keys()) session.destroy()
      for (const socket of sockets) socket.destroy()
      first.close()
    }
  }
}
