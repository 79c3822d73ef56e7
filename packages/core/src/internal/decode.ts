/** Bytes as text, for everything that shows output. A byte order mark is a character like any other: nothing is dropped. */
import * as Channel from "effect/Channel"
import * as Stream from "effect/Stream"

const options = { ignoreBOM: true }

/** A decoder of UTF-8; what is not becomes U+FFFD. */
export const makeDecoder = (): TextDecoder => new TextDecoder("utf-8", options)

/** Bytes as text, piece by piece; a character that came in two pieces is in the second. */
export const decodeText = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<string, E, R> =>
  Stream.filter(Stream.pipeThroughChannel(bytes, Channel.decodeText("utf-8", options)), (text) => text !== "")
