/**
 * Notices without an end: a watch that ends or breaks is opened again, more slowly each time it does not last, and what the new one
 * repeats is left out (PROTOCOL P10).
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Shape } from "../../DevboxBackend.ts"
import type { BackendError } from "../../DevboxError.ts"
import type { Notice } from "../../DevboxModel.ts"
import { heeding, maySendAgain } from "../retry.ts"

const ended = { _tag: "Ended" } as const

const firstPause = 500
/** The longest pause; a watch that lasted this long did well, and the next one is opened soon. */
const longestPause = 30_000

/** See above. Fails only where asking again is of no use. */
export const notices = (backend: Shape): Stream.Stream<Notice, BackendError> =>
  Stream.suspend(() => {
    const given = new Map<string, number>()
    let pause = firstPause
    let openedAt = 0

    /** The notice, unless it was given. */
    const fresh = (notice: Notice) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        // What is past its deadline is not repeated any more.
        for (const [key, deadline] of given) if (deadline < now) given.delete(key)
        const key = `${notice.devboxId} ${notice.evictionDeadlineMs}`
        if (given.has(key)) return undefined
        given.set(key, notice.evictionDeadlineMs)
        return notice
      })

    const watch = Stream.unwrap(
      Effect.map(Clock.currentTimeMillis, (now) => {
        openedAt = now
        return backend.notices.pipe(
          Stream.tapError((error) =>
            maySendAgain(error, true)
              ? Effect.logWarning(`The watch for notices is made again: ${error.message}`)
              : Effect.void
          ),
          Stream.mapEffect(fresh),
          Stream.filter((notice) => notice !== undefined),
          Stream.concat(Stream.fail(ended))
        )
      })
    )

    const nextPause = Effect.map(Clock.currentTimeMillis, (now) => {
      if (now - openedAt >= longestPause) pause = firstPause
      const present = pause
      pause = Math.min(pause * 2, longestPause)
      return Duration.millis(present)
    })

    return Stream.retry(
      watch,
      heeding(Schedule.modifyDelay(Schedule.forever, () => nextPause)).pipe(
        Schedule.setInputType<BackendError | typeof ended>(),
        Schedule.while(({ input }) => input._tag === "Ended" || maySendAgain(input, true))
      )
    ).pipe(Stream.catchTag("Ended", () => Stream.empty))
  })
