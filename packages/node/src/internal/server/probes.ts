/** What those who watch over a server ask: whether it lives, whether it can work, and what it did so far. */
import { ApiKeys } from "@effect-devbox/core/ApiKeys"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as Redacted from "effect/Redacted"

const connections = Metric.gauge("devbox_server_connections", { description: "Open connections" })
const held = Metric.gauge("devbox_server_held_requests", { description: "Requests that are held at the moment" })

const say = (status: number, body: object) => HttpServerResponse.jsonUnsafe(body, { status })

/** See above. Only metrics need a key, and that of an operator: they say how busy everybody is. */
export const probes = (
  load: Effect.Effect<{ readonly connections: number; readonly held: number }>,
  operators: ReadonlyArray<string>
): Layer.Layer<never, never, ApiKeys | DevboxBackend | HttpRouter.HttpRouter> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const keys = yield* ApiKeys
      const backend = yield* DevboxBackend
      // Anybody may ask, so that the backend is not asked each time.
      const ready = yield* Effect.cachedWithTTL(
        backend.list({ limit: 1 }).pipe(
          Effect.timeout("5 seconds"),
          Effect.match({
            onSuccess: () => say(200, { status: "ready", backend: backend.name }),
            onFailure: () => say(503, { status: "unavailable", message: `the ${backend.name} backend does not answer` })
          })
        ),
        Duration.seconds(1)
      )
      yield* router.add("GET", "/healthz", Effect.succeed(say(200, { status: "ok" })))
      yield* router.add("GET", "/readyz", ready)
      yield* router.add(
        "GET",
        "/metrics",
        Effect.gen(function* () {
          const { headers } = yield* HttpServerRequest.HttpServerRequest
          const key = /^bearer +(\S+)$/i.exec(headers["authorization"] ?? "")?.[1] ?? ""
          const caller = yield* keys.check(Redacted.make(key))
          if (caller === undefined) {
            return say(401, { message: "metrics need a key; send `Authorization: Bearer <key>`", code: "unauthorized" })
          }
          if (!operators.includes(caller.id)) {
            const message =
              "metrics are for operators of this server, and this key is not one's; see its option `operators`"
            return say(403, { message, code: "forbidden" })
          }
          const now = yield* load
          yield* Metric.update(connections, now.connections)
          yield* Metric.update(held, now.held)
          return HttpServerResponse.text(yield* PrometheusMetrics.format(), {
            contentType: "text/plain; version=0.0.4; charset=utf-8"
          })
        })
      )
    })
  )
