/** The stdin of a command: bytes that were given and not yet read, then the end. One reader at a time. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Changed from "./changed.ts"

/** A stdin. */
export interface Input {
  readonly write: (bytes: Uint8Array) => void
  readonly end: () => void
  readonly isEnded: () => boolean
  /** What was not read yet, until the end. */
  readonly read: Stream.Stream<Uint8Array>
}

/** An open stdin, or with `ended` an empty one. */
export const make = (ended: boolean): Input => {
  const pending: Array<Uint8Array> = []
  let over = ended
  const changed = Changed.make()
  return {
    write: (bytes) => {
      pending.push(bytes)
      changed.notify()
    },
    end: () => {
      over = true
      changed.notify()
    },
    isEnded: () => over,
    // One at a time: a reader that stops early leaves the rest to the next one.
    read: Stream.paginate(undefined, () =>
      Effect.map(
        changed.until(() => (pending.length > 0 ? pending.splice(0, 1) : over ? [] : undefined)),
        (chunks): readonly [ReadonlyArray<Uint8Array>, Option.Option<undefined>] => [
          chunks,
          chunks.length === 0 ? Option.none() : Option.some(undefined)
        ]
      )
    )
  }
}
