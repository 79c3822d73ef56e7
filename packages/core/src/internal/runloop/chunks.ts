/**
 * Output events → chunks with the byte positions the rest of the project counts in. Whether a server's `offset` is the position
 * before or after its chunk is nowhere said; both are read, and nothing behind this file meets the question (PROTOCOL P3).
 */
import type { Channel, OutputChunk } from "../../Execution.ts"

/** What `offset` turned out to mean on this server; learned once, from the first chunk of a read from the beginning. */
export interface OffsetMeaning {
  current: "unknown" | "start" | "end"
}

/** An output event as the wire has it. */
export interface Update {
  readonly output: string
  readonly offset?: number
  readonly bytes?: Uint8Array
}

const encoder = new TextEncoder()

/** Text in which bytes were replaced by U+FFFD has not the length of what it stands for. */
const isFaithful = (text: string): boolean => !text.includes("\uFFFD")

/** A reader of one channel from a position. Gives `undefined` for an update with nothing new. */
export const makePlacer = (channel: Channel, from: number, meaning: OffsetMeaning) => {
  let at = from
  let first = true

  const endOf = (offset: number | undefined, length: number): number => {
    if (offset === undefined) return at + length
    let reading = meaning.current
    if (first) {
      first = false
      // A chunk that is not empty and has the position that was asked for can only start there.
      const seen = offset === from ? "start" : "end"
      if (reading === "unknown") reading = seen
      if (from === 0) meaning.current = reading = seen
    }
    return reading === "start" ? offset + length : offset
  }

  const place = (bytes: Uint8Array, end: number, faithful: boolean): OutputChunk | undefined => {
    if (end <= at) return undefined
    const start = end - bytes.length
    // Where the length can be trusted, an overlap is cut here and a gap is shown to whoever joins the chunks.
    const chunk: OutputChunk =
      !faithful || start === at
        ? { _tag: "Chunk", channel, bytes, start: at, end }
        : start < at
          ? { _tag: "Chunk", channel, bytes: bytes.subarray(at - start), start: at, end }
          : { _tag: "Chunk", channel, bytes, start, end }
    at = end
    return chunk
  }

  return {
    /** A chunk of text, or of bytes where the server gives them. */
    take: ({ bytes, offset, output }: Update, exact: boolean): OutputChunk | undefined => {
      if (bytes !== undefined) {
        return bytes.length === 0 ? undefined : place(bytes, offset ?? at + bytes.length, exact)
      }
      const text = encoder.encode(output)
      return text.length === 0 ? undefined : place(text, endOf(offset, text.length), isFaithful(output))
    },
    position: (): number => at
  }
}
