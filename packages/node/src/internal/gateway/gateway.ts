// The gateway: tunnels' names on one port of this machine, and the same as listeners for a server that has names of its own.
import * as http from "node:http"
import type { ServerHttp2Stream } from "node:http2"
import * as net from "node:net"
import { onRequest, onUpgrade } from "./http1.ts"
import { sniff } from "../net/preface.ts"
import { http2Server, onStream, Sessions } from "./http2.ts"
import { type Find, routeOf } from "./target.ts"
import { Traffic } from "./traffic.ts"

/** What serves tunnels. */
export interface Gateway {
  /** Whether a host name is that of a tunnel's port, and so for this gateway. */
  readonly isFor: (host: string | undefined) => boolean
  /** For `request` of a Node server. */
  readonly onRequest: (request: http.IncomingMessage, response: http.ServerResponse) => Promise<void>
  /** For `upgrade` of a Node server. */
  readonly onUpgrade: (...args: Parameters<ReturnType<typeof onUpgrade>>) => Promise<void>
  /** Ends what goes through a tunnel, but for ports that it still leads to. */
  readonly cut: (key: string, stays?: (port: number) => boolean) => void
  /** Ends everything that goes through. */
  readonly close: () => void
}

const makeParts = (find: Find) => {
  const traffic = new Traffic()
  const sessions = new Sessions()
  const one = onRequest(find, traffic)
  const two = onStream(find, traffic, sessions)
  const gateway: Gateway = {
    isFor: (host) => routeOf(host) !== undefined,
    // A server of HTTP/2 gives its requests in the same shape, with the stream beside.
    onRequest: (request, response) =>
      "stream" in request ? two(request.stream as ServerHttp2Stream, request.headers) : one(request, response),
    onUpgrade: onUpgrade(find, traffic),
    cut: (key, stays) => traffic.cut(key, stays),
    close: () => {
      traffic.close()
      sessions.close()
    }
  }
  return { gateway, traffic, sessions }
}

/** A gateway for a server that exists. */
export const makeGateway = (find: Find): Gateway => makeParts(find).gateway

/** A gateway with a port of its own on this machine's loopback. */
export interface ListeningGateway extends Omit<Gateway, "close"> {
  readonly port: number
  readonly close: () => Promise<void>
}

/** How long a connection may say nothing, or take to say what it wants. */
const firstBytes = 60_000

/** Listens on the port, or when it is taken (or none is wished) on one that is free. */
export const listenGateway = async (find: Find, wished: number | undefined): Promise<ListeningGateway> => {
  const { gateway, sessions, traffic } = makeParts(find)
  // A large upload takes as long as it takes.
  const one = http.createServer({ requestTimeout: 0, headersTimeout: firstBytes, keepAliveTimeout: 60_000 })
  one.on("request", (request, response) => void gateway.onRequest(request, response))
  one.on("upgrade", (request, socket, head) => void gateway.onUpgrade(request, socket, head))
  one.on("clientError", (_error, socket) => socket.destroy())
  // Starts the clock of slow heads, which is started by listening; the port is another server's.
  one.emit("listening")
  const two = http2Server(find, traffic, sessions)
  const sockets = new Set<net.Socket>()
  const front = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    socket.on("error", () => socket.destroy())
    sniff(socket, firstBytes, (protocol) => (protocol === "h2" ? two : one).emit("connection", socket))
  })
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      front.once("error", reject)
      front.listen(port, "127.0.0.1", () => {
        front.off("error", reject)
        resolve()
      })
    })
  await listen(wished ?? 0).catch((error: NodeJS.ErrnoException) => {
    if (wished === undefined || error.code !== "EADDRINUSE") throw error
    return listen(0)
  })
  return {
    ...gateway,
    port: (front.address() as net.AddressInfo).port,
    close: async () => {
      gateway.close()
      const closed = new Promise<void>((resolve) => front.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      one.close()
      two.close()
      await closed
    }
  }
}
