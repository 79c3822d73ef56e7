// A client's line channel to a holder. The holder is this user's own process behind a socket with mode 0600.
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { BoxClosedError } from "./errors.ts"
import type { AgentLink, BoxClosed } from "./types.ts"

/** Calls back with each line of a stream. */
export const onLines = (socket: net.Socket, listener: (line: string) => void): void => {
  let buffer = ""
  socket.setEncoding("latin1").on("data", (text: string) => {
    const lines = (buffer + text).split("\n")
    buffer = lines.pop() ?? ""
    for (const line of lines) listener(line)
  })
}

/**
 * Gives a socket path that the kernel takes: it allows 107 bytes, and a state directory may be deeper than that.
 * `use` runs while the short name is valid.
 */
export const withShortPath = async <A>(file: string, use: (short: string) => Promise<A>): Promise<A> => {
  if (Buffer.byteLength(file) <= 100 || process.platform !== "linux") return use(file)
  const dir = fs.openSync(path.dirname(file), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    return await use(`/proc/self/fd/${dir}/${path.basename(file)}`)
  } finally {
    fs.closeSync(dir)
  }
}

export class SocketLink implements AgentLink {
  readonly closed: Promise<BoxClosed>
  readonly left: Promise<void>
  readonly #boxId: string
  readonly #socket: net.Socket
  readonly #ended = Promise.withResolvers<BoxClosed>()
  readonly #greeted = Promise.withResolvers<void>()
  #listeners: Array<(line: string) => void> = []
  #early: Array<string> | undefined = []
  #last: BoxClosed = { code: null, signal: null, stderr: "the holder of the box is gone" }

  constructor(boxId: string, socket: net.Socket) {
    this.#boxId = boxId
    this.#socket = socket
    this.#greeted.promise.catch(() => {})
    onLines(socket, (line) => this.#line(line))
    socket.on("error", () => socket.destroy())
    this.closed = this.#ended.promise
    this.left = new Promise((resolve) => {
      socket.once("close", () => {
        this.#greeted.reject(new BoxClosedError(boxId, "its holder closed the connection"))
        this.#ended.resolve(this.#last)
        resolve()
      })
    })
  }

  #line(line: string): void {
    if (line === "A") return this.#greeted.resolve()
    if (line.startsWith("C ")) {
      this.#last = JSON.parse(line.slice(2)) as BoxClosed
      this.#greeted.reject(new BoxClosedError(this.#boxId, "it has ended"))
      this.#ended.resolve(this.#last)
      // All that is still to come is the end of the holder's process, which keeps nobody who does not wait for it.
      this.#socket.unref()
      return
    }
    if (this.#early !== undefined) this.#early.push(line)
    for (const listener of this.#listeners) listener(line)
  }

  /** Everything that was running when we came is known. */
  greeted(): Promise<void> {
    return this.#greeted.promise
  }

  send(line: string): void {
    if (!this.#socket.destroyed) this.#socket.write(`${line}\n`)
  }

  onLine(listener: (line: string) => void): void {
    this.#listeners.push(listener)
    for (const line of this.#early ?? []) listener(line)
    this.#early = undefined
  }

  async close(): Promise<void> {
    this.#last = { code: null, signal: null, stderr: "this process has let go of the box" }
    this.#socket.end()
    await this.left
  }
}

export const connectHolder = (boxId: string, socketPath: string): Promise<SocketLink> =>
  withShortPath(
    socketPath,
    (short) =>
      new Promise((resolve, reject) => {
        const socket = net.connect({ path: short })
        socket.once("connect", () => resolve(new SocketLink(boxId, socket)))
        socket.once("error", (error) =>
          reject(new BoxClosedError(boxId, `its holder does not answer (${error.message})`))
        )
      })
  )
