/** Misbehaviour of the bench's server: of requests, 10 % lose their socket, 10 % are reset, 1 % meet a GOAWAY and 20 % wait. */
import type { IncomingMessage, ServerResponse } from "node:http"
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2"
import type { Socket } from "node:net"

type Request = IncomingMessage | Http2ServerRequest
type Response = ServerResponse | Http2ServerResponse

/** Numbers from 0 up to 1 that can be had again (mulberry32). */
const dice = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** The sockets below sessions of HTTP/2. */
export const socketOf = new WeakMap<object, Socket>()

const isHttp2 = (request: Request): request is Http2ServerRequest =>
  "stream" in request && request.httpVersionMajor === 2

/** See above. */
export const makeChaos = (seed: number) => {
  const random = dice(seed)
  return {
    /** Whether the request was dealt with, badly. */
    strikes: (request: Request, response: Response): boolean => {
      const drawn = random()
      if (drawn < 0.1) {
        // A dropped socket takes along everything that is on it.
        const socket = isHttp2(request) ? socketOf.get(request.stream.session ?? {}) : request.socket
        socket?.destroy()
        return true
      }
      if (drawn < 0.2) {
        // A reset is of one request where the protocol knows that.
        if (isHttp2(request)) request.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
        else request.socket.resetAndDestroy()
        return true
      }
      if (drawn < 0.21) {
        // The going away: what is under way is finished, nothing new is taken.
        if (isHttp2(request)) request.stream.session?.goaway(constants.NGHTTP2_NO_ERROR)
        else response.setHeader("connection", "close")
      }
      return false
    },
    delay: (): number => (random() < 0.2 ? 20 + random() * 200 : 0)
  }
}
