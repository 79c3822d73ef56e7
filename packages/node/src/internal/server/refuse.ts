/** What is refused before anybody looks at what it asks for, as answers that people can read, in the form of every other refusal. */
import type * as http from "node:http"
import type { Duplex } from "node:stream"

interface Refusal {
  readonly status: number
  readonly words: string
  readonly code: string
  readonly message: string
}

const refusals = {
  connections: {
    status: 503,
    words: "Service Unavailable",
    code: "too_many_connections",
    message: "the server has as many connections as it allows; close some, or try again in a moment"
  },
  headers: {
    status: 431,
    words: "Request Header Fields Too Large",
    code: "headers_too_large",
    message: "the head of the request is too large"
  },
  slowHead: {
    status: 408,
    words: "Request Timeout",
    code: "slow_request",
    message: "the head of the request did not arrive in time"
  },
  slowBody: {
    status: 408,
    words: "Request Timeout",
    code: "slow_request",
    message: "the body of the request stood still for too long"
  },
  malformed: {
    status: 400,
    words: "Bad Request",
    code: "invalid_request",
    message: "the request is not HTTP as this server understands it"
  },
  target: {
    status: 400,
    words: "Bad Request",
    code: "invalid_request",
    message: "the target of the request is not a path of this server"
  },
  method: {
    status: 405,
    words: "Method Not Allowed",
    code: "invalid_request",
    message: "this server is not a proxy: CONNECT has no meaning here"
  },
  upgrade: {
    status: 400,
    words: "Bad Request",
    code: "invalid_request",
    message: "connections to this host name cannot be upgraded"
  }
} satisfies Record<string, Refusal>

/** Why a request is refused. */
export type Why = keyof typeof refusals

const bodyOf = ({ code, message }: Refusal): string => JSON.stringify({ message, code })

/** Refuses on a connection on which no answer has begun. */
export const refuseSocket = (socket: Duplex, why: Why): void => {
  if (!socket.writable) return void socket.destroy()
  const refusal = refusals[why]
  const body = bodyOf(refusal)
  socket.on("error", () => {})
  socket.end(
    `HTTP/1.1 ${refusal.status} ${refusal.words}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy()
  )
}

/** Refuses a request, where its answer has not begun; the connection goes, too, if it is HTTP/1.1. */
export const refuseRequest = (response: http.ServerResponse, why: Why): void => {
  const refusal = refusals[why]
  if (response.headersSent) return void response.destroy()
  response.shouldKeepAlive = false
  response.writeHead(refusal.status, { "content-type": "application/json" })
  response.end(bodyOf(refusal))
}

/** Refuses what could not be read as a request at all. */
export const refuseConnection = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy()
  refuseSocket(
    socket,
    error.code === "HPE_HEADER_OVERFLOW"
      ? "headers"
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "slowHead"
        : "malformed"
  )
}

const hasBody = (request: http.IncomingMessage): boolean =>
  request.headers["transfer-encoding"] !== undefined ||
  Number(request.headers["content-length"] ?? 0) > 0 ||
  // An HTTP/2 request need not say that it has one.
  ("stream" in request && (request.stream as { readonly endAfterHeaders: boolean }).endAfterHeaders === false)

/** Refuses a request whose body stands still for so many milliseconds. One that moves may take as long as it needs. */
export const watchBody = (request: http.IncomingMessage, response: http.ServerResponse, stall: number): void => {
  if (!hasBody(request)) return
  const stalled = () => {
    if (!request.complete) refuseRequest(response, "slowBody")
  }
  request.setTimeout(stall, stalled)
  request.once("end", () => request.setTimeout(0))
  // From here on the clock is that of idle connections, whose end needs no answer.
  response.once("finish", () => request.off("timeout", stalled))
}
