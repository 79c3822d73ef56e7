// FIFOs between host and box. They live in the request directory, which is read-only inside; a FIFO can be written
// there all the same. The host never opens one in a way that can block, whatever the box does at the other end.
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import { ExecStdinClosedError } from "./errors.ts"
import type { ExecStdin } from "./types.ts"

const { O_RDONLY, O_RDWR, O_NONBLOCK, O_NOFOLLOW } = fs.constants
const BATCH = 32

/** A supply of unused FIFOs in one directory; names carry the prefix, so several processes can share a directory. */
export class FifoPool {
  readonly #dir: string
  readonly #prefix: string
  readonly #mkfifo: string
  #free: Array<string> = []
  #made = 0
  #filling: Promise<void> | undefined

  constructor(dir: string, prefix: string, mkfifo: string) {
    this.#dir = dir
    this.#prefix = prefix
    this.#mkfifo = mkfifo
  }

  /** Takes in FIFOs that the launcher made, which is cheaper than a process of ours. */
  stock(names: ReadonlyArray<string>): void {
    this.#free.push(...names)
  }

  /** Names of `count` FIFOs when they are in stock, which is the usual case: they come back after use. */
  take(count: number): Array<string> | undefined {
    if (this.#free.length < count) return undefined
    return this.#free.splice(this.#free.length - count, count)
  }

  async takeSoon(count: number): Promise<Array<string>> {
    for (;;) {
      const names = this.take(count)
      if (names !== undefined) return names
      await this.#fill()
    }
  }

  /** Gives back a FIFO whose end of file was seen, so that nobody holds it any more. */
  release(name: string): void {
    this.#free.push(name)
  }

  #fill(): Promise<void> {
    this.#filling ??= new Promise<void>((resolve, reject) => {
      const names = Array.from({ length: BATCH }, () => `${this.#prefix}${this.#made++}`)
      // 666 in a directory that only the owner and the box can enter: box and host may be different users.
      execFile(this.#mkfifo, ["-m", "666", ...names], { cwd: this.#dir }, (error, _, stderr) => {
        this.#filling = undefined
        if (error) return reject(new Error(`mkfifo failed in ${this.#dir}: ${stderr.trim() || error.message}`))
        this.#free.push(...names)
        resolve()
      })
    })
    return this.#filling
  }
}

/** Opens both ends, so that it neither blocks nor ends when the box is not there yet. */
export const openBoth = (file: string): number => fs.openSync(file, O_RDWR | O_NONBLOCK | O_NOFOLLOW)

export const openReader = (file: string): number => fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)

/** The writing side of an execution's stdin; writes wait until it is open. */
export class FifoStdin implements ExecStdin {
  readonly #executionId: string
  readonly #started: Promise<unknown>
  readonly #opened = Promise.withResolvers<void>()
  #socket: net.Socket | undefined
  #pending = new Set<(error: Error) => void>()
  #ending: Promise<void> | undefined
  #closed = false

  constructor(executionId: string, started: Promise<unknown>) {
    this.#executionId = executionId
    this.#started = started
  }

  /** `onClosed` runs when the host's end is closed. */
  open(file: string, onClosed: () => void): void {
    if (this.#closed) return onClosed()
    const socket = new net.Socket({ fd: openBoth(file), readable: false, writable: true })
    socket.on("error", () => this.close())
    socket.on("close", onClosed)
    this.#socket = socket
    this.#opened.resolve()
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ending !== undefined) throw new ExecStdinClosedError(this.#executionId)
    if (this.#socket === undefined) await this.#opened.promise
    await this.#write(bytes)
  }

  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = this.#socket
      if (this.#closed || socket === undefined) return reject(new ExecStdinClosedError(this.#executionId))
      this.#pending.add(reject)
      socket.write(bytes, (error) => {
        if (!this.#pending.delete(reject)) return
        if (error) reject(new ExecStdinClosedError(this.#executionId))
        else resolve()
      })
    })
  }

  end(): Promise<void> {
    this.#ending ??= (async () => {
      await this.#opened.promise
      // The command must hold its end before ours goes: a FIFO forgets what is in it when nobody has it open. An
      // ended socket keeps its descriptor, so only destroying it gives end of file.
      await Promise.all([this.#started, this.#write(new Uint8Array(0))]).catch(() => {})
      this.close()
    })()
    return this.#ending
  }

  /** The command has ended: pending writes fail, the descriptor goes. */
  close(): void {
    this.#closed = true
    this.#opened.resolve()
    this.#socket?.destroy()
    const pending = [...this.#pending]
    this.#pending.clear()
    for (const reject of pending) reject(new ExecStdinClosedError(this.#executionId))
  }
}
