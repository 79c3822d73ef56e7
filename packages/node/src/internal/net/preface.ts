/** Which protocol a connection speaks, from its first bytes; they are put back, so that whoever gets the connection reads them. */
import type { Socket } from "node:net"

/** What the two protocols are called. */
export type Protocol = "http/1.1" | "h2"

/** How HTTP/2 with prior knowledge begins; no method of HTTP/1.1 begins with these four bytes. */
const preface = Buffer.from("PRI ")

/**
 * Waits for the first bytes and says which protocol they are. A connection that says nothing in time, or ends, is closed
 * and nothing is said.
 */
export const sniff = (socket: Socket, patience: number, found: (protocol: Protocol) => void): void => {
  let seen: Buffer = Buffer.alloc(0)
  const timer = setTimeout(() => socket.destroy(), patience)
  const stop = () => {
    clearTimeout(timer)
    socket.off("data", look)
    socket.off("close", stop)
  }
  const look = (bytes: Buffer) => {
    seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes])
    const length = Math.min(seen.length, preface.length)
    const maybe = seen.subarray(0, length).equals(preface.subarray(0, length))
    if (maybe && length < preface.length) return
    stop()
    socket.pause()
    socket.unshift(seen)
    found(maybe ? "h2" : "http/1.1")
    // A session of HTTP/2 has taken the connection over by now; HTTP/1.1 listens to it and would wait for ever.
    if (!maybe) socket.resume()
  }
  socket.on("data", look)
  socket.once("close", stop)
}
