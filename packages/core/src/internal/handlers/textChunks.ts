/** Bytes of output → text with byte positions: cut only between characters, so that concatenated text is the decoded whole. */
import * as Stream from "effect/Stream"
import type { OutputChunk } from "../../Execution.ts"
import { flattened } from "../flattened.ts"

/** An event stays small enough for every reader of lines. */
const largest = 64 * 1024

/** How many bytes at the end belong to a character that goes on in the next chunk. */
export const unfinished = (bytes: Uint8Array): number => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 && byte < 0xf8 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return byte < 0xf8 && length > back ? back : 0
  }
  return 0
}

/** A piece of text; `end` is the byte position after it. */
export interface TextChunk {
  readonly text: string
  readonly end: number
}

const join = (left: Uint8Array, right: Uint8Array): Uint8Array => {
  if (left.length === 0) return right
  const joined = new Uint8Array(left.length + right.length)
  joined.set(left)
  joined.set(right, left.length)
  return joined
}

/** The chunks of one channel as text. */
export const textChunks = <E, R>(chunks: Stream.Stream<OutputChunk, E, R>): Stream.Stream<TextChunk, E, R> =>
  Stream.suspend(() => {
    // A byte order mark is a character of the output like any other.
    const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)
    let held: Uint8Array = new Uint8Array(0)
    let end = 0
    const cut = (chunk: OutputChunk): Array<TextChunk> => {
      const bytes = join(held, chunk.bytes)
      const whole = bytes.length - unfinished(bytes)
      held = bytes.subarray(whole)
      end = chunk.end
      const pieces: Array<TextChunk> = []
      for (let from = 0; from < whole;) {
        const limit = Math.min(whole, from + largest)
        const to = limit === whole ? whole : limit - unfinished(bytes.subarray(from, limit))
        // Positions are counted back from the chunk's end, which is the backend's own word.
        pieces.push({ text: decode(bytes.subarray(from, to)), end: end - (bytes.length - to) })
        from = to
      }
      return pieces
    }
    return chunks.pipe(
      Stream.map(cut),
      flattened,
      Stream.concat(
        Stream.suspend(() => (held.length === 0 ? Stream.empty : Stream.succeed({ text: decode(held), end })))
      )
    )
  })
