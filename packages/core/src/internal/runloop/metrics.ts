/** How many requests there were, what came of them, and how long they took: by operation, never by id or content. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"

const requests = Metric.counter("effect_devbox_requests", {
  description: "Requests to the backend, by operation and by what came of them.",
  incremental: true
})

const seconds = Metric.histogram("effect_devbox_request_seconds", {
  description: "How long requests to the backend took until their answer, in seconds, by operation.",
  boundaries: Metric.exponentialBoundaries({ start: 0.001, factor: 2, count: 17 })
})

const tagOf = (value: unknown): string | undefined =>
  typeof value === "object" && value !== null && "_tag" in value ? String(value._tag) : undefined

const wordFor = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "ok"
  const failure = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  if (failure === undefined) return "interrupted"
  const { error } = failure
  const reason = typeof error === "object" && error !== null && "reason" in error ? tagOf(error.reason) : undefined
  return reason ?? tagOf(error) ?? "failed"
}

/** Counts and times a request. */
export const measured =
  (backend: string, operation: string) =>
  <A, E, R>(request: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Clock.currentTimeMillis, (began) =>
      Effect.onExit(request, (exit) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.andThen(
            Metric.update(Metric.withAttributes(requests, { backend, operation, outcome: wordFor(exit) }), 1),
            Metric.update(
              Metric.withAttributes(seconds, { backend, operation }),
              Duration.toSeconds(Duration.millis(now - began))
            )
          )
        )
      )
    )
