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

/** A reader of one channel from a position. Gives `undefined` for an update with nothing new. */
export const makePlacer = (channel: Channel, from: number, meaning: OffsetMeaning) => {
  let at = from
  let reading: "start" | "end" | undefined
  let guessed = false

  /** What the first offset of a read says of all. */
  const read = (offset: number): "start" | "end" => {
    // A chunk that is not empty and has the position that was asked for can only start there.
    const seen = offset === from ? "start" : "end"
    if (from === 0) meaning.current = seen
    return meaning.current === "unknown" ? seen : meaning.current
  }

  const place = (bytes: Uint8Array, end: number, exact: boolean): OutputChunk | undefined => {
    if (end <= at) return undefined
    // Where the length can be trusted, an overlap is cut here and a gap is shown to whoever joins the chunks.
    const start = exact ? end - bytes.length : at
    const cut = Math.max(0, at - start)
    at = end
    return { _tag: "Chunk", channel, bytes: bytes.subarray(cut), start: start + cut, end }
  }

  const placeText = (output: string, offset: number | undefined): OutputChunk | undefined => {
    const bytes = encoder.encode(output)
    if (bytes.length === 0) return undefined
    // Text in which bytes were replaced by U+FFFD has not the length of what it stands for: each stands for one byte at least.
    const replaced = output.split("\uFFFD").length - 1
    reading ??= offset === undefined ? undefined : read(offset)
    const end =
      offset === undefined ? at + bytes.length : reading === "end" ? offset : offset + bytes.length - 2 * replaced
    const exact = replaced === 0 && !guessed
    // The start of the next chunk is then the end of this one, wherever that was guessed to be.
    guessed = reading === "start" && replaced > 0
    return place(bytes, end, exact)
  }

  return {
    /** A chunk of text, or of bytes where the server gives them. */
    take: ({ bytes, offset, output }: Update, exact: boolean): OutputChunk | undefined => {
      if (bytes === undefined) return placeText(output, offset)
      return bytes.length === 0 ? undefined : place(bytes, offset ?? at + bytes.length, exact)
    },
    position: (): number => at
  }
}
