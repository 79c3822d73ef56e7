/** A client that costs little: requests as bytes, over connections that stay open, answers read only as far as to their end. */
import { once } from "node:events"
import * as net from "node:net"

/** One connection, one request at a time. */
export class Connection {
  readonly #socket: net.Socket
  #seen = Buffer.alloc(0) as Buffer
  #done: ((answer: Buffer) => void) | undefined

  constructor(port: number) {
    this.#socket = net.connect(port, "127.0.0.1")
    this.#socket.setNoDelay(true)
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk))
    // A connection that breaks is seen by whoever waits for it: the run stands still and the numbers say so.
    this.#socket.on("error", (error) => this.#socket.destroy(error))
  }

  #take(chunk: Buffer): void {
    this.#seen = this.#seen.length === 0 ? chunk : Buffer.concat([this.#seen, chunk])
    const head = this.#seen.indexOf("\r\n\r\n")
    if (head < 0) return
    const length = /content-length: (\d+)/i.exec(this.#seen.toString("latin1", 0, head))?.[1]
    const isWhole =
      length === undefined
        ? this.#seen.subarray(-5).equals(Buffer.from("0\r\n\r\n"))
        : this.#seen.length >= head + 4 + Number(length)
    if (!isWhole) return
    const answer = this.#seen
    this.#seen = Buffer.alloc(0)
    this.#done?.(answer)
  }

  ask(request: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      this.#done = resolve
      this.#socket.write(request)
    })
  }

  /** Resolves when the other side has taken it. */
  async open(): Promise<void> {
    if (this.#socket.connecting) await once(this.#socket, "connect")
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** A request as bytes. */
export const request = (method: string, path: string, body?: string): Buffer =>
  Buffer.from(
    `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer bench\r\n${
      body === undefined ? "" : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
    }\r\n${body ?? ""}`
  )

/** Status, headers and body of an answer. */
export const parse = (answer: Buffer) => {
  const text = answer.toString()
  const [head = "", ...rest] = text.split("\r\n\r\n")
  const [first = "", ...lines] = head.split("\r\n")
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()])
  )
  return { status: Number(first.split(" ")[1]), headers, body: rest.join("\r\n\r\n") }
}

/** Keeps so many requests waiting, each on a connection of its own, and asks again whenever one is answered. */
export const hold = async (port: number, polls: number, poll: Buffer): Promise<() => void> => {
  const connections: Array<Connection> = []
  let stopped = false
  const again = async (connection: Connection): Promise<void> => {
    while (!stopped) await connection.ask(poll)
  }
  // In steps: a queue of new connections that is full is not what is measured.
  for (let made = 0; made < polls; made += 200) {
    const step = Array.from({ length: Math.min(200, polls - made) }, () => new Connection(port))
    connections.push(...step)
    await Promise.all(step.map((connection) => connection.open()))
    for (const connection of step) void again(connection)
  }
  return () => {
    stopped = true
    for (const connection of connections) connection.close()
  }
}

/** How long each request took, in milliseconds, and how many there were in a second. */
export const load = async (
  port: number,
  connections: number,
  seconds: number,
  next: () => Buffer
): Promise<{ readonly perSecond: number; readonly times: ReadonlyArray<number> }> => {
  const times: Array<number> = []
  const begin = performance.now()
  const end = begin + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = new Connection(port)
      while (performance.now() < end) {
        const asked = performance.now()
        await connection.ask(next())
        times.push(performance.now() - asked)
      }
      connection.close()
    })
  )
  return { perSecond: times.length / ((performance.now() - begin) / 1000), times: times.sort((a, b) => a - b) }
}
