// Bytes to an SSH channel with back-pressure, and the end of one. A channel of ssh2 whose other side has gone never calls back,
// so every wait here also ends when it closes.
import type { Writable } from "node:stream"
import type { ServerChannel } from "ssh2"

/** Resolves when the other side has closed the channel. Taken at once: the event comes only once. */
export const closedOf = (channel: ServerChannel): Promise<void> =>
  new Promise((resolve) => channel.once("close", () => resolve()))

/** Writes and resolves when the next piece may come; false when nobody reads any more. */
export const put = (stream: Writable, bytes: Uint8Array, gone: Promise<void>): Promise<boolean> => {
  if (!stream.writable) return Promise.resolve(false)
  if (stream.write(bytes)) return Promise.resolve(true)
  return Promise.race([
    new Promise<boolean>((resolve) => stream.once("drain", () => resolve(true))),
    gone.then(() => false)
  ])
}

/** Every chunk to the stream, until there are no more or nobody reads; leaving the loop lets the source know. */
export const pour = async (
  source: AsyncIterable<Uint8Array>,
  stream: Writable,
  gone: Promise<void>,
  heard: () => void
): Promise<void> => {
  for await (const bytes of source) {
    heard()
    if (!(await put(stream, bytes, gone))) return
  }
}
