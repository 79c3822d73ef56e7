// HTTP/2 clients that know beforehand that they may speak it. A server inside that speaks it, too, is spoken to in it, so that
// trailers and streams of both directions pass; any other is asked in HTTP/1.1.
import * as http2 from "node:http2"
import { pipeline } from "node:stream"
import { exchange } from "./exchange.ts"
import { passing, type RawHeaders, toServer } from "../net/headers.ts"
import { page } from "./pages.ts"
import { type Find, GatewayError, type Target, targetOf } from "./target.ts"
import type { Traffic } from "./traffic.ts"

/** How much of one stream may be on its way: with the default of 64 kB a large body would wait for each answer. */
const settings: http2.Settings = { initialWindowSize: 4 * 1024 * 1024 }

/** What a server inside would push nobody has asked for. */
const asking: http2.Settings = { ...settings, enablePush: false }

/** How long a server inside may take to show that it speaks HTTP/2; the others refuse its greeting at once. */
const greeting = 1000
const idle = 4000

/** What is known of the servers inside: a session with one that speaks HTTP/2, or that it does not. */
export class Sessions {
  readonly #known = new Map<string, Promise<http2.ClientHttp2Session | undefined>>()

  /** A session with the server inside; `undefined` when it does not speak HTTP/2. */
  of(target: Target): Promise<http2.ClientHttp2Session | undefined> {
    const name = `${target.port}-${target.key}`
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const forget = () => {
      if (this.#known.get(name) === made) this.#known.delete(name)
    }
    const made = open(target, forget)
    this.#known.set(name, made)
    // Another server may listen on this port later.
    made.then((session) => session === undefined && setTimeout(forget, idle).unref(), forget)
    return made
  }

  close(): void {
    for (const made of this.#known.values()) void made.then((session) => session?.destroy()).catch(() => {})
    this.#known.clear()
  }
}

const open = async (target: Target, forget: () => void): Promise<http2.ClientHttp2Session | undefined> => {
  const socket = await target.dial()
  return new Promise((resolve) => {
    const session = http2.connect("http://devbox", { createConnection: () => socket, settings: asking })
    const no = () => {
      clearTimeout(timer)
      forget()
      session.destroy()
      socket.destroy()
      resolve(undefined)
    }
    const timer = setTimeout(no, greeting)
    session.on("error", no).on("close", no).on("goaway", forget)
    session.once("remoteSettings", () => {
      clearTimeout(timer)
      session.setLocalWindowSize(8 * 1024 * 1024)
      session.setTimeout(idle, () => session.close())
      session.unref()
      resolve(session)
    })
  })
}

const notPassed = new Set(["transfer-encoding", "host", "trailer"])

/** Headers of HTTP/2 as a list, without those that are about the request itself. */
const rawOf = (headers: http2.IncomingHttpHeaders): Array<string> =>
  Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(":") || value === undefined
      ? []
      : (Array.isArray(value) ? value : [value]).flatMap((one) => [name, one])
  )

const listed = (raw: RawHeaders): http2.OutgoingHttpHeaders => {
  const headers: Record<string, string | Array<string>> = {}
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase()
    const before = headers[name]
    headers[name] = before === undefined ? raw[at + 1]! : [...(Array.isArray(before) ? before : [before]), raw[at + 1]!]
  }
  return headers
}

/** Sends what there is when the body is over; where the stream has a request of a server beside it, in place of that one. */
const sendTrailers = (stream: http2.ServerHttp2Stream, trailers: () => http2.OutgoingHttpHeaders): void => {
  stream.removeAllListeners("wantTrailers")
  stream.once("wantTrailers", () => {
    try {
      stream.sendTrailers(trailers())
    } catch (error) {
      // HTTP/2 does not take all that HTTP/1.1 does; an answer without its trailers must not look whole.
      stream.destroy(error as Error)
    }
  })
}

const relay = (
  session: http2.ClientHttp2Session,
  stream: http2.ServerHttp2Stream,
  headers: http2.OutgoingHttpHeaders,
  target: Target,
  track: (end: () => void) => void
): Promise<void> =>
  new Promise((resolve, reject) => {
    const asked = session.request(headers, { endStream: stream.readableEnded || stream.endAfterHeaders })
    track(() => asked.close(http2.constants.NGHTTP2_CANCEL))
    let trailers: http2.OutgoingHttpHeaders = {}
    asked.on("error", (error) =>
      reject(new GatewayError(502, `The server on port ${target.port} broke off: ${error.message}`))
    )
    asked.on("trailers", (received) => (trailers = listed(rawOf(received))))
    asked.on("response", (received) => {
      target.heard()
      if (stream.destroyed) return asked.close(http2.constants.NGHTTP2_CANCEL)
      try {
        stream.respond(
          { ":status": received[":status"], ...listed(passing(rawOf(received))) },
          { waitForTrailers: true }
        )
      } catch {
        asked.close(http2.constants.NGHTTP2_CANCEL)
        return reject(new GatewayError(502, `The server on port ${target.port} answered with a head that is not HTTP.`))
      }
      sendTrailers(stream, () => trailers)
      pipeline(asked, stream, () => resolve())
    })
    if (!asked.writableEnded) pipeline(stream, asked, () => {})
    stream.once("close", () => asked.close(stream.rstCode))
  })

/** Answers a stream of HTTP/2. */
export const onStream =
  (find: Find, traffic: Traffic, sessions: Sessions) =>
  async (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Promise<void> => {
    stream.on("error", () => {})
    const host = headers[":authority"] ?? headers.host ?? ""
    const socket = stream.session?.socket
    try {
      const { secret, target } = await targetOf(find, host, headers)
      target.heard()
      const asker = { address: socket?.remoteAddress, host, encrypted: stream.session?.encrypted === true }
      const sent = [...toServer(rawOf(headers), asker, secret)]
      const method = headers[":method"] ?? "GET"
      const path = headers[":path"] ?? "/"
      const session = await sessions.of(target)
      await traffic.during(target, (track) => {
        stream.once("close", () => track.end())
        if (session !== undefined) {
          const asked = {
            ":method": method,
            ":path": path,
            ":authority": host,
            ":scheme": "http",
            ...listed(passing(sent, notPassed))
          }
          return relay(session, stream, asked, target, track.by)
        }
        let trailers: http2.OutgoingHttpHeaders = {}
        const sized = headers["content-length"] !== undefined || stream.endAfterHeaders
        return exchange(
          target,
          traffic.pool,
          {
            method,
            path,
            headers: ["Host", host, ...sent, ...(sized ? [] : ["Transfer-Encoding", "chunked"])],
            body: stream,
            hasBody: !stream.endAfterHeaders
          },
          {
            head: (status, _message, received) => {
              stream.respond({ ":status": status, ...listed(passing(received, notPassed)) }, { waitForTrailers: true })
              sendTrailers(stream, () => trailers)
            },
            body: stream,
            trailers: (received) => (trailers = listed(passing(received, notPassed)))
          },
          track.by
        )
      })
    } catch (error) {
      const said = error instanceof GatewayError ? error : new GatewayError(502, "The connection to the devbox failed.")
      // Closed instead, a stream that may still have trailers keeps Node busy for ever.
      if (stream.headersSent || stream.destroyed || stream.closed) return void stream.destroy(said)
      const { body, headers: of } = page(said, headers.accept)
      stream.respond({ ":status": said.status, ...of })
      stream.end(body)
    }
  }

/** A server that only sees connections that it is given. */
export const http2Server = (find: Find, traffic: Traffic, sessions: Sessions): http2.Http2Server => {
  const server = http2.createServer({ settings })
  server.on("session", (session) => session.setLocalWindowSize(8 * 1024 * 1024))
  server.on("sessionError", () => {})
  const answer = onStream(find, traffic, sessions)
  server.on("stream", (stream, headers) => void answer(stream, headers))
  return server
}
