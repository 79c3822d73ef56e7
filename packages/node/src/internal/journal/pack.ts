// A file that many executions share, as long as they print little: where many files were removed a moment ago the disk
// takes longer to make one than a small command takes to run. Each has a name of its own for the file, a hard link, and
// writes frames to it: a byte for the length of the id, one for the channel, two for the length of what was printed, the
// id, what was printed. Who prints more gets files of its own.
import * as fs from "node:fs"
import type { Channel } from "./types.ts"

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_APPEND } = fs.constants
/** No pack is longer: it is read as a whole. */
export const PACK_BYTES = 16_384
/** What is packed of one channel at most. */
export const SMALL_BYTES = 2048
// Far below what file systems allow, for executions that print nothing.
const USERS = 1024

const HEAD = 4
const numbers: Readonly<Record<Channel, number>> = { stdout: 1, stderr: 2 }

/** The name that an execution has for its pack. */
export const packedFile = (dir: string, executionId: string): string => `${dir}/${executionId}.log`

export class Pack {
  // No execution has a dot in its id.
  readonly #file: string
  readonly #fd: number
  #size = 0
  #joined = 0
  #users = 0
  #retired = false
  // The disk was full in the middle of a frame, behind which no other could be found.
  #torn = false

  constructor(dir: string) {
    this.#file = `${dir}/.log`
    // That of a dead owner may end in the middle of a frame.
    fs.rmSync(this.#file, { force: true })
    this.#fd = fs.openSync(this.#file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND, 0o600)
  }

  /** Takes no more executions. */
  get full(): boolean {
    return this.#size > PACK_BYTES / 2 || this.#joined === USERS || this.#torn
  }

  /** Takes an execution in under its own name; fails when that is there. */
  join(file: string): void {
    fs.linkSync(this.#file, file)
    this.#joined++
    this.#users++
  }

  /** Whether there was room. */
  append(executionId: string, channel: Channel, bytes: Uint8Array): boolean {
    const start = HEAD + executionId.length
    if (this.#size + start + bytes.length > PACK_BYTES || this.#torn) return false
    const frame = Buffer.allocUnsafe(start + bytes.length)
    frame[0] = executionId.length
    frame[1] = numbers[channel]
    frame.writeUInt16BE(bytes.length, 2)
    frame.write(executionId, HEAD, "latin1")
    frame.set(bytes, start)
    try {
      for (let at = 0; at < frame.length;) at += fs.writeSync(this.#fd, frame, at)
    } catch (error) {
      this.#torn = true
      throw error
    }
    this.#size += frame.length
    return true
  }

  /** One of its executions writes no more. */
  leave(): void {
    this.#users--
    this.#closeUnused()
  }

  /** Another one takes its place. */
  retire(): void {
    this.#retired = true
    this.#closeUnused()
  }

  #closeUnused(): void {
    if (this.#retired && this.#users === 0) fs.closeSync(this.#fd)
  }
}

/** What an execution printed on a channel, out of the bytes of its pack. */
export const unpack = (pack: Buffer, executionId: string, channel: Channel): Buffer => {
  const parts: Array<Buffer> = []
  const last = executionId.charCodeAt(executionId.length - 1)
  for (let at = 0; at + HEAD < pack.length;) {
    const start = at + HEAD + pack[at]!
    const end = start + pack.readUInt16BE(at + 2)
    // Most are told apart by how they end.
    const isOurs = pack[at + 1] === numbers[channel] && pack[start - 1] === last
    if (isOurs && pack.toString("latin1", at + HEAD, start) === executionId) parts.push(pack.subarray(start, end))
    at = end
  }
  return Buffer.concat(parts)
}
