/** What a command printed: chunks of both outputs in the order they came, readable from any byte, followed until the end. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Channel, OutputChunk, OutputCursor, OutputEvent } from "../../Execution.ts"
import * as Changed from "./changed.ts"
import { concat } from "./bytes.ts"

/** The outputs of one command. */
export interface OutputLog {
  readonly length: Readonly<Record<Channel, number>>
  readonly write: (channel: Channel, bytes: Uint8Array) => void
  readonly end: () => void
  /** Everything on one output so far. */
  readonly bytes: (channel: Channel) => Uint8Array
  readonly read: (channel: Channel | "both", cursor: OutputCursor) => Stream.Stream<OutputEvent>
}

/** An empty log. */
export const make = (): OutputLog => {
  const chunks: Array<OutputChunk> = []
  const length = { stdout: 0, stderr: 0 }
  const changed = Changed.make()
  let ended = false

  const after = (index: number, channel: Channel | "both", cursor: OutputCursor): Array<OutputEvent> => {
    const found: Array<OutputEvent> = []
    for (const chunk of chunks.slice(index)) {
      const seen = cursor[chunk.channel]
      if ((channel !== "both" && channel !== chunk.channel) || chunk.end <= seen) continue
      found.push(
        chunk.start >= seen ? chunk : { ...chunk, bytes: chunk.bytes.subarray(seen - chunk.start), start: seen }
      )
    }
    return found
  }

  return {
    length,
    write: (channel, bytes) => {
      if (ended || bytes.length === 0) return
      const start = length[channel]
      length[channel] += bytes.length
      chunks.push({ _tag: "Chunk", channel, bytes, start, end: length[channel] })
      changed.notify()
    },
    end: () => {
      ended = true
      changed.notify()
    },
    bytes: (channel) => concat(chunks.filter((chunk) => chunk.channel === channel).map((chunk) => chunk.bytes)),
    read: (channel, cursor) =>
      Stream.paginate(0, (index) =>
        Effect.map(
          changed.until(() => (ended || chunks.length > index ? { upTo: chunks.length, over: ended } : undefined)),
          ({ over, upTo }): readonly [ReadonlyArray<OutputEvent>, Option.Option<number>] => {
            const found = after(index, channel, cursor)
            if (!over) return [found, Option.some(upTo)]
            const { stderr, stdout } = length
            const end: OutputEvent =
              channel === "both"
                ? { _tag: "End", stdout, stderr }
                : channel === "stdout"
                  ? { _tag: "End", stdout }
                  : { _tag: "End", stderr }
            return [[...found, end], Option.none()]
          }
        )
      )
  }
}
