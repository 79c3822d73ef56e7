// Open files of SFTP. Clients read and write from front to back, so a file is one command whose output or input is streamed; a
// jump to another place ends it and begins the next.
import type { Box, BoxExecution } from "../sandbox/types.ts"
import { begin, finish, SftpError, status } from "./sftpCommands.ts"

/** An open file. Calls are made one after another. */
export interface OpenFile {
  readonly path: string
  readonly read: (offset: number, length: number) => Promise<Uint8Array>
  readonly write: (offset: number, bytes: Uint8Array) => Promise<void>
  /** Everything that was written is in the file. */
  readonly flush: () => Promise<void>
  readonly close: () => Promise<void>
}

class Reader {
  readonly #box: Box
  readonly #execution: BoxExecution
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array(0)
  #ended = false
  at: number

  constructor(box: Box, path: string, from: number) {
    this.#box = box
    this.at = from
    this.#execution = begin(box, `exec tail -c +${from + 1} -- "$1"`, [path], "stdout")
    this.#chunks = this.#execution.stdoutPipe![Symbol.asyncIterator]()
  }

  get ended(): boolean {
    return this.#ended && this.#rest.length === 0
  }

  async read(length: number): Promise<Uint8Array> {
    const parts: Array<Uint8Array> = []
    let missing = length
    while (missing > 0) {
      if (this.#rest.length === 0) {
        const next = this.#ended ? undefined : await this.#chunks.next()
        if (next === undefined) break
        if (next.done === true) {
          this.#ended = true
          await finish(this.#box, this.#execution)
          break
        }
        this.#rest = next.value
      }
      const part = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(part.length)
      missing -= part.length
      parts.push(part)
    }
    this.at += length - missing
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  async close(): Promise<void> {
    if (this.#ended) return
    await this.#chunks.return?.()
    // It is told by SIGPIPE that nobody reads; that is no failure of the file.
    await finish(this.#box, this.#execution).catch(() => {})
  }
}

class Writer {
  readonly #box: Box
  readonly #execution: BoxExecution
  at: number

  constructor(box: Box, path: string, from: number | "end") {
    this.#box = box
    this.at = from === "end" ? 0 : from
    const script =
      from === "end"
        ? 'exec cat >>"$1"'
        : from === 0
          ? 'exec cat 1<>"$1"'
          : `exec dd of="$1" bs=65536 oflag=seek_bytes seek=${from} conv=notrunc status=none`
    this.#execution = begin(box, script, [path], "stdin")
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#execution.stdin!.write(bytes)
    } catch {
      // It has ended early; why, its exit says.
      await finish(this.#box, this.#execution)
      throw new SftpError(status.failure, "the file could not be written")
    }
    this.at += bytes.length
  }

  async close(): Promise<void> {
    await this.#execution.stdin!.end()
    await finish(this.#box, this.#execution)
  }
}

/** A file that the box has and that may be read and written as it was opened. */
export const openFile = (box: Box, path: string, append: boolean): OpenFile => {
  let reader: Reader | undefined
  let writer: Writer | undefined
  const flush = async () => {
    const last = writer
    writer = undefined
    await last?.close()
  }
  const rewind = async () => {
    const last = reader
    reader = undefined
    await last?.close()
  }
  return {
    path,
    flush,
    read: async (offset, length) => {
      await flush()
      if (reader === undefined || (reader.at !== offset && !(reader.ended && offset > reader.at))) {
        await rewind()
        reader = new Reader(box, path, offset)
      }
      return reader.read(length)
    },
    write: async (offset, bytes) => {
      await rewind()
      if (writer === undefined || (!append && writer.at !== offset)) {
        await flush()
        writer = new Writer(box, path, append ? "end" : offset)
      }
      await writer.write(bytes)
    },
    close: async () => {
      await rewind()
      await flush()
    }
  }
}
