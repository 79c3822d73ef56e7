// One reader of one channel: from any byte, in chunks of at most 64 KiB, each read when the consumer asks for it.
// It waits for the writer's wake-up or for inotify and never polls.
import * as fs from "node:fs"
import { PACK_BYTES, unpack } from "./pack.ts"
import { OutputLostError, type Channel, type JournalChunk, type JournalReadOptions } from "./types.ts"

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants
const CHUNK = 65536

export interface Source {
  /** The channel's own file, if it has one; otherwise what there is of it is in the pack. */
  readonly file: string
  readonly packed: string
  readonly executionId: string
  readonly channel: Channel
  /** Bytes written so far, while this process writes the execution. */
  readonly live: () => number | undefined
  /** The promised length, once it is known. */
  readonly promised: () => number | undefined
  readonly closed: () => boolean
  /** It is small and was written a moment ago by this process. */
  readonly fresh: () => boolean
  readonly listen: (listener: () => void) => () => void
}

const openRegular = (file: string): number | undefined => {
  // Most have no file of their own, and asking is quicker than an error.
  if (fs.lstatSync(file, { throwIfNoEntry: false }) === undefined) return undefined
  try {
    const fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    if (fs.fstatSync(fd).isFile()) return fd
    fs.closeSync(fd)
    return undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

const readAsync = (fd: number, buffer: Buffer, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    fs.read(fd, buffer, 0, buffer.length, position, (error, n) => (error ? reject(error) : resolve(n)))
  })

// One buffer for all packs: what is wanted of one is copied at once.
const shared = Buffer.allocUnsafeSlow(PACK_BYTES)

/** What a pack has of a channel; it is short, and read as a whole. */
export const readPacked = (file: string, executionId: string, channel: Channel): Buffer | undefined => {
  const fd = openRegular(file)
  if (fd === undefined) return undefined
  try {
    return unpack(shared.subarray(0, fs.readSync(fd, shared, 0, PACK_BYTES, 0)), executionId, channel)
  } finally {
    fs.closeSync(fd)
  }
}

export async function* readChannel(source: Source, options: JournalReadOptions): AsyncGenerator<JournalChunk, void> {
  const { signal } = options
  let position = options.fromByte ?? 0
  let awake = (): void => {}
  let news = false
  const stir = (): void => {
    news = true
    awake()
  }
  const unlisten = options.follow === true ? source.listen(stir) : undefined
  signal?.addEventListener("abort", stir)
  let fd: number | undefined
  try {
    while (signal?.aborted !== true) {
      // Everything that decides about the end is looked at before the read: what comes in between is news.
      news = false
      const live = source.live()
      const promised = live === undefined ? source.promised() : undefined
      const over = options.follow !== true || source.closed()
      if (promised !== undefined && position >= promised) return
      fd ??= openRegular(source.file)
      const limit = promised === undefined ? CHUNK : Math.min(CHUNK, promised - position)
      let bytes: Buffer | undefined
      if (fd !== undefined && (live === undefined || live > position)) {
        const buffer = Buffer.allocUnsafe(live === undefined ? limit : Math.min(limit, live - position))
        // What the writer has just written is in memory; anything else may have to come from the disk.
        const size =
          live === undefined && !source.fresh()
            ? await readAsync(fd, buffer, position)
            : fs.readSync(fd, buffer, 0, buffer.length, position)
        if (size > 0) bytes = buffer.subarray(0, size)
      } else if (fd === undefined && (live === undefined || live > position)) {
        const packed = readPacked(source.packed, source.executionId, source.channel)?.subarray(position, promised)
        if (packed !== undefined && packed.length > 0) bytes = packed
      }
      if (bytes !== undefined) {
        position += bytes.length
        yield { bytes, end: position }
        continue
      }
      if (promised !== undefined) throw new OutputLostError(source.executionId, source.channel, promised, position)
      if (over) return
      if (news) continue
      await new Promise<void>((resolve) => {
        awake = resolve
        if (news) resolve()
      })
    }
  } finally {
    if (fd !== undefined) fs.closeSync(fd)
    unlisten?.()
    signal?.removeEventListener("abort", stir)
  }
}
