// Moves what a box writes into a FIFO to a sink, in order and with back-pressure. After `settle` the sink has every
// byte that was written before the command's end, even when background processes still hold the FIFO open.
import * as fs from "node:fs"
import * as net from "node:net"
import { openReader } from "./fifo.ts"

/** Gets bytes that are valid only during the call; a promise asks the pump to wait. */
export type Sink = (bytes: Uint8Array) => Promise<unknown> | undefined

const CHUNK = 65536
// A pipe can be made this big by the box (fs.pipe-max-size); no more than this can be waiting when a command ends.
const PIPE_MAX = 1 << 20
// One buffer for all pumps: a read is handed on before the next one happens.
const shared = Buffer.allocUnsafeSlow(CHUNK)

export class Pump {
  readonly #fd: number
  readonly #onClosed: (clean: boolean) => void
  #socket: net.Socket | undefined
  #sink: Sink
  #pending: Promise<unknown> | undefined
  #eof = false
  #closed = false

  /** `onClosed(clean)`: the host's end is closed; clean means that nobody in the box holds the FIFO either. */
  constructor(file: string, sink: Sink, onClosed: (clean: boolean) => void) {
    this.#fd = openReader(file)
    this.#sink = sink
    this.#onClosed = onClosed
  }

  /** Moves what comes as it comes. A command that is over before anybody has called this has its output moved by `settle`. */
  listen(): void {
    if (this.#socket !== undefined || this.#closed) return
    this.#socket = new net.Socket({
      fd: this.#fd,
      readable: true,
      writable: false,
      // `onread` is honoured by the constructor; the types list it for connect only.
      ...({ onread: { buffer: shared, callback: (size: number) => this.#take(size) } } as object)
    })
    this.#socket.on("error", () => this.#close())
    this.#socket.on("end", () => {
      this.#eof = true
      this.#close()
    })
    this.#socket.on("close", () => this.#left())
    this.#socket.resume()
  }

  #close(): void {
    if (this.#socket !== undefined) return void this.#socket.destroy()
    if (this.#closed) return
    fs.closeSync(this.#fd)
    this.#left()
  }

  #left(): void {
    this.#closed = true
    this.#onClosed(this.#eof)
  }

  #take(size: number): boolean {
    const wait = this.#sink(shared.subarray(0, size))
    if (wait === undefined) return true
    this.#pending = wait.then(
      () => {
        this.#pending = undefined
        if (!this.#closed) this.#socket?.resume()
      },
      () => this.abort()
    )
    return false
  }

  /** Delivers what is in the pipe now. Later bytes go elsewhere, or nowhere; read they are, so that their writers do not stall. */
  async settle(late: (bytes: Uint8Array) => void = () => {}): Promise<void> {
    let left = PIPE_MAX
    while (!this.#eof && !this.#closed && left > 0) {
      if (this.#pending !== undefined) {
        await this.#pending
        continue
      }
      const size = this.#read()
      if (size < 0) break
      if (size === 0) {
        this.#eof = true
        this.#close()
        break
      }
      left -= size
      this.#take(size)
      if (this.#pending !== undefined) this.#socket?.pause()
    }
    if (this.#pending !== undefined) await this.#pending
    this.#sink = (bytes) => {
      late(bytes)
      return undefined
    }
    if (!this.#eof) this.listen()
  }

  /** Bytes read, 0 at end of file, -1 when nothing is there now. */
  #read(): number {
    try {
      return fs.readSync(this.#fd, shared, 0, CHUNK, null)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return -1
      return 0
    }
  }

  /** Closes the host's end; a writer in the box gets SIGPIPE. */
  abort(): void {
    this.#sink = () => undefined
    this.#close()
  }

  /** Does not keep this process alive for the background children of a finished command. */
  unref(): void {
    this.#socket?.unref()
  }
}
