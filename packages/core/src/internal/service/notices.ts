/** Notices of devboxes that will end, as one stream that outlives its connections (PROTOCOL P10). */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Shape } from "../../DevboxBackend.ts"
import type { BackendError } from "../../DevboxError.ts"
import type { Notice } from "../../DevboxModel.ts"
import { heeding } from "../retry.ts"

/** Connections are the backend's to close, so they are made again without end: half a second, doubling to thirty. */
const reconnecting = heeding(Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("30 seconds")]))

const keyOf = ({ devboxId, evictionDeadlineMs }: Notice): string => `${devboxId} ${evictionDeadlineMs}`

/** See above. Each new connection tells again what is pending; each notice is given once. */
export const notices = (backend: Shape): Stream.Stream<Notice, BackendError> =>
  Stream.suspend(() => {
    const given = new Map<string, Notice>()
    const isNew = (notice: Notice) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const fresh = !given.has(keyOf(notice))
        for (const [key, { evictionDeadlineMs }] of given) if (evictionDeadlineMs < now) given.delete(key)
        given.set(keyOf(notice), notice)
        return fresh
      })
    const connection = backend.notices.pipe(
      Stream.tapError((error) =>
        error.isRetryable ? Effect.logWarning(`The watch for notices is made again: ${error.message}`) : Effect.void
      ),
      // A connection that is closed in silence is made again like one that broke.
      Stream.concat(Stream.fail("closed" as const))
    )
    return connection.pipe(
      Stream.retry(
        Schedule.while(reconnecting, ({ input }) =>
          Effect.succeed(input === "closed" || (input as BackendError).isRetryable)
        )
      ),
      Stream.filterEffect(isNew),
      // It has been made again; what is left is the type.
      Stream.catch((error) => (error === "closed" ? Stream.empty : Stream.fail(error)))
    )
  })
