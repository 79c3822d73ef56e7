/** How many requests there were, what came of them, and how long they took: by operation, never by id or content. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"

const requests = Metric.counter("effect_devbox_requests", {
  description: "Requests, by operation and outcome.",
  incremental: true
})

const seconds = Metric.histogram("effect_devbox_request_seconds", {
  description: "Seconds from requests to answers, by operation.",
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

/** A metric with its attributes, made once for each: making it takes longer than updating it. */
const remembered = <A>(make: (key: string) => A) => {
  const made = new Map<string, A>()
  return (key: string): A => {
    let one = made.get(key)
    if (one === undefined) made.set(key, (one = make(key)))
    return one
  }
}

/** The metrics of one operation of one backend, of which there are few. */
const metricsOf = remembered((key) => {
  const [backend = "", operation = ""] = key.split("\n")
  return {
    counted: remembered((outcome) => Metric.withAttributes(requests, { backend, operation, outcome })),
    timed: Metric.withAttributes(seconds, { backend, operation })
  }
})

/** Counts and times a request. */
export const measured = (backend: string, operation: string) => {
  const { counted, timed } = metricsOf(`${backend}\n${operation}`)
  return <A, E, R>(request: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Clock.currentTimeMillis, (began) =>
      Effect.onExit(request, (exit) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.andThen(
            Metric.update(counted(wordFor(exit)), 1),
            Metric.update(timed, Duration.toSeconds(Duration.millis(now - began)))
          )
        )
      )
    )
}
