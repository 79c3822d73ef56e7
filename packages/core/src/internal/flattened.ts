/**
 * The elements of arrays that a stream gives. `Stream.flattenIterable` makes a stream of each array: that takes longer, and what it leaves
 * behind is only collected with the whole heap (measured with output in events, which took twice the memory).
 */
import type * as Arr from "effect/Array"
import * as Stream from "effect/Stream"

/** See above; the arrays may be empty. */
export const flattened = <A, E, R>(arrays: Stream.Stream<ReadonlyArray<A>, E, R>): Stream.Stream<A, E, R> =>
  Stream.flattenArray(Stream.filter(arrays, (array): array is Arr.NonEmptyReadonlyArray<A> => array.length > 0))
