/** Streams of bytes that break, end too early, or come slowly in small pieces. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { OutputChunk } from "../../Execution.ts"

const isChunk = (element: unknown): element is OutputChunk =>
  Predicate.isTagged(element, "Chunk") && "bytes" in element && element.bytes instanceof Uint8Array

/** How much an element counts: its bytes, nothing for the end of output, one for anything else. */
const sizeOf = (element: unknown): number => {
  if (element instanceof Uint8Array) return element.length
  if (isChunk(element)) return element.bytes.length
  return Predicate.isTagged(element, "End") ? 0 : 1
}

/** Some of the bytes of an element; an element that cannot be cut is given whole. */
const slice = <A>(element: A, from: number, to: number): A => {
  if (element instanceof Uint8Array) return element.subarray(from, to) as Uint8Array & A
  // Re-encoded text cannot be cut at a byte of the original.
  if (!isChunk(element) || element.bytes.length !== element.end - element.start) return element
  const bytes = element.bytes.subarray(from, to)
  return { ...element, bytes, start: element.start + from, end: element.start + from + bytes.length }
}

/** The first `amount` bytes of a stream, then what `instead` gives; a stream that is shorter stays as it is. */
export const cut = <A, E, R, E2, R2>(
  stream: Stream.Stream<A, E, R>,
  amount: number,
  instead: Stream.Stream<never, E2, R2>
): Stream.Stream<A, E | E2, R | R2> =>
  Stream.suspend(() => {
    let left = amount
    let broken = false
    return stream.pipe(
      Stream.map((element): { readonly kept: A } | undefined => {
        // What comes after the last byte is cut off, too: the end of output among it.
        if (broken || left <= 0) {
          broken = true
          return undefined
        }
        const size = sizeOf(element)
        broken = size > left
        const kept = broken ? slice(element, 0, left) : element
        left -= size
        return { kept }
      }),
      Stream.takeWhile((some) => some !== undefined),
      Stream.map(({ kept }) => kept),
      Stream.concat(Stream.suspend(() => (broken ? instead : Stream.empty)))
    )
  })

/** At most four pieces of an element. */
const pieces = <A>(element: A): ReadonlyArray<A> => {
  const size = sizeOf(element)
  if (slice(element, 0, 0) === element || size < 2) return [element]
  const step = Math.ceil(size / 4)
  return Array.from({ length: Math.ceil(size / step) }, (_, i) =>
    slice(element, i * step, Math.min(size, (i + 1) * step))
  )
}

/** A stream in small pieces, with a pause before each. */
export const slow = <A, E, R>(stream: Stream.Stream<A, E, R>, pauseMs: number): Stream.Stream<A, E, R> =>
  stream.pipe(
    Stream.flatMap((element) => Stream.fromIterable(pieces(element))),
    Stream.mapEffect((piece) => Effect.as(Effect.sleep(Duration.millis(pauseMs)), piece))
  )
