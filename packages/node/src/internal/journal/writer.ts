// Appends an execution's output to its two files; the one of stderr is made when something is written there. Only the box's owner writes, and no process in the box can reach
// the directory, so the descriptors made here are the only way in.
import * as fs from "node:fs"
import type { Channel, JournalWriter, PromisedLength } from "./types.ts"

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_APPEND } = fs.constants
// Small output is written at once, which is the fastest; a flood goes through the thread pool, because a full disk
// cache makes a synchronous write block this whole process.
const SYNC_BYTES = 1 << 20

export const channelFile = (dir: string, executionId: string, channel: Channel): string =>
  `${dir}/${executionId}.${channel === "stdout" ? "out" : "err"}`

export class FileJournalWriter implements JournalWriter {
  readonly id: string
  readonly #fds: { stdout: number; stderr: number | undefined }
  readonly #dir: string
  readonly #lengths = { stdout: 0, stderr: 0 }
  readonly #wake: () => void
  #busy = 0
  #complete = false
  // A full disk. What is lost still counts as promised, so that its readers fail instead of ending early.
  #failed = false

  constructor(dir: string, id: string, wake: () => void) {
    this.id = id
    this.#wake = wake
    this.#dir = dir
    this.#fds = { stdout: this.#create("stdout"), stderr: undefined }
  }

  #create(channel: Channel): number {
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND
    return fs.openSync(channelFile(this.#dir, this.id, channel), flags, 0o600)
  }

  #fd(channel: Channel): number {
    return (this.#fds[channel] ??= this.#create(channel))
  }

  get lengths(): PromisedLength {
    return { ...this.#lengths }
  }

  get completed(): boolean {
    return this.#complete
  }

  write(channel: Channel, bytes: Uint8Array): Promise<void> | undefined {
    if (this.#complete) return undefined
    const sync = this.#lengths[channel] < SYNC_BYTES
    if (sync || this.#failed) {
      if (!this.#failed) this.#writeSync(channel, bytes)
      this.#lengths[channel] += bytes.length
      this.#wake()
      return undefined
    }
    return this.#writeAsync(channel, Buffer.from(bytes))
  }

  #writeSync(channel: Channel, bytes: Uint8Array): void {
    try {
      let written = 0
      while (written < bytes.length) written += fs.writeSync(this.#fd(channel), bytes, written)
    } catch {
      this.#failed = true
    }
  }

  async #writeAsync(channel: Channel, bytes: Buffer): Promise<void> {
    this.#busy++
    try {
      let written = 0
      while (written < bytes.length) {
        written += await new Promise<number>((resolve, reject) => {
          fs.write(this.#fd(channel), bytes, written, bytes.length - written, null, (error, n) =>
            error ? reject(error) : resolve(n)
          )
        })
      }
    } catch {
      this.#failed = true
    } finally {
      this.#lengths[channel] += bytes.length
      this.#busy--
      if (this.#complete) this.#close()
      else this.#wake()
    }
  }

  complete(): PromisedLength {
    if (!this.#complete) {
      this.#complete = true
      this.#close()
      this.#wake()
    }
    return this.lengths
  }

  #close(): void {
    if (this.#busy > 0) return
    fs.closeSync(this.#fds.stdout)
    if (this.#fds.stderr !== undefined) fs.closeSync(this.#fds.stderr)
  }
}
