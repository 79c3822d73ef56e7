/** Bytes as text, for everything that shows output. A byte order mark is a character like any other: nothing is dropped. */
import * as Stream from "effect/Stream"

/** A decoder of UTF-8; what is not becomes U+FFFD. */
export const makeDecoder = (): TextDecoder => new TextDecoder("utf-8", { ignoreBOM: true })

/** Bytes as text, going on where the decoder stopped; a character that came in two pieces is in the second. */
export const decodeWith = <E, R>(
  decoder: TextDecoder,
  bytes: Stream.Stream<Uint8Array, E, R>
): Stream.Stream<string, E, R> =>
  Stream.map(bytes, (piece) => decoder.decode(piece, { stream: true })).pipe(
    Stream.concat(Stream.suspend(() => Stream.make(decoder.decode()))),
    Stream.filter((text) => text !== "")
  )

/** Bytes as text, from the beginning each time. */
export const decodeText = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<string, E, R> =>
  Stream.suspend(() => decodeWith(makeDecoder(), bytes))
