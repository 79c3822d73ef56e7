/** Changes below a path of a devbox, found by looking: no notice comes out of a devbox by itself. */
import * as Effect from "effect/Effect"
import type { WatchEvent } from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

/** What is seen of each file, by path; it differs when the file does. */
export type Seen = ReadonlyMap<string, string>

const interval = "1 second"

const changes = (before: Seen, now: Seen): ReadonlyArray<WatchEvent> => [
  ...[...now].flatMap(([path, state]): ReadonlyArray<WatchEvent> => {
    const old = before.get(path)
    if (old === undefined) return [{ _tag: "Create", path }]
    return old === state ? [] : [{ _tag: "Update", path }]
  }),
  ...[...before.keys()].filter((path) => !now.has(path)).map((path): WatchEvent => ({ _tag: "Remove", path }))
]

/** Looks every second and gives the differences to the look before. */
export const watching = (look: Effect.Effect<Seen, PlatformError>): Stream.Stream<WatchEvent, PlatformError> =>
  Stream.unwrap(
    Effect.map(look, (first) => {
      let before = first
      return Stream.fromSchedule(Schedule.spaced(interval)).pipe(
        Stream.mapEffect(() => look),
        Stream.flatMap((now) => {
          const found = changes(before, now)
          before = now
          return Stream.fromIterable(found)
        })
      )
    })
  )
