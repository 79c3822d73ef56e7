// Appends an execution's output to a pack, and to two files of its own when it becomes long. Only the box's owner writes,
// and no process in the box can reach the directory, so the descriptors made here are the only way in.
import * as fs from "node:fs"
import { type Pack, SMALL_BYTES } from "./pack.ts"
import type { Channel, JournalWriter, PromisedLength } from "./types.ts"

const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_APPEND } = fs.constants
// Small output is written at once, which is the fastest; a flood goes through the thread pool, because a full disk
// cache makes a synchronous write block this whole process.
const SYNC_BYTES = 1 << 20

export const channelFile = (dir: string, executionId: string, channel: Channel): string =>
  `${dir}/${executionId}.${channel === "stdout" ? "out" : "err"}`

const writeAll = (fd: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at)
}

export class FileJournalWriter implements JournalWriter {
  readonly id: string
  readonly #dir: string
  readonly #pack: Pack
  readonly #packed: Record<Channel, Array<Uint8Array>> = { stdout: [], stderr: [] }
  readonly #fds: Record<Channel, number | undefined> = { stdout: undefined, stderr: undefined }
  readonly #lengths = { stdout: 0, stderr: 0 }
  readonly #wake: () => void
  #busy = 0
  #complete = false
  // A full disk. What is lost still counts as promised, so that its readers fail instead of ending early.
  #failed = false

  /** The execution is in the pack. */
  constructor(dir: string, id: string, pack: Pack, wake: () => void) {
    this.id = id
    this.#wake = wake
    this.#dir = dir
    this.#pack = pack
  }

  #fd(channel: Channel): number {
    return (this.#fds[channel] ??= this.#unpack(channel))
  }

  /** Makes a file of its own, which gets its name when it has what is packed: readers prefer it from then on. */
  #unpack(channel: Channel): number {
    const making = `${this.#dir}/.making`
    const fd = fs.openSync(making, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_APPEND, 0o600)
    try {
      for (const bytes of this.#packed[channel]) writeAll(fd, bytes)
      fs.renameSync(making, channelFile(this.#dir, this.id, channel))
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
    this.#packed[channel] = []
    return fd
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
      if (!this.#packs(channel, bytes)) writeAll(this.#fd(channel), bytes)
    } catch {
      this.#failed = true
    }
  }

  #packs(channel: Channel, bytes: Uint8Array): boolean {
    if (this.#fds[channel] !== undefined || this.#lengths[channel] + bytes.length > SMALL_BYTES) return false
    if (!this.#pack.append(this.id, channel, bytes)) return false
    this.#packed[channel].push(Uint8Array.from(bytes))
    return true
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
    for (const fd of Object.values(this.#fds)) if (fd !== undefined) fs.closeSync(fd)
    this.#pack.leave()
  }
}
