/** What the server counts: requests and their time, by endpoint and status. Ids are never among the labels. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Metric from "effect/Metric"

const requests = Metric.counter("devbox_server_requests", { description: "Requests answered", incremental: true })

const seconds = Metric.histogram("devbox_server_request_seconds", {
  description: "Time until the answer, or the head of a streamed answer",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
})

/** Counts and times the answers of an endpoint. */
export const measured =
  (endpoint: string) =>
  <E, R>(
    handler: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
    Effect.gen(function* () {
      const start = yield* Clock.currentTimeNanos
      const response = yield* handler
      const time = Number((yield* Clock.currentTimeNanos) - start) / 1e9
      yield* Metric.update(Metric.withAttributes(requests, { endpoint, status: String(response.status) }), 1)
      yield* Metric.update(Metric.withAttributes(seconds, { endpoint }), time)
      return response
    })
