/** Client and server in one process without a port, in the caller's fiber, so that virtual time moves both; and over a socket. */
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import * as ApiKeys from "@effect-devbox/core/ApiKeys"
import * as DevboxApiHandlers from "@effect-devbox/core/DevboxApiHandlers"
import type { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import * as IdempotencyStore from "@effect-devbox/core/IdempotencyStore"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import { HttpClient, HttpEffect, HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

export const apiKey = Redacted.make("test-key-of-the-wire")

/** The routes with a key of their own and answers remembered in memory. */
export const routes = DevboxApiHandlers.layer.pipe(
  Layer.provide([ApiKeys.layerFixed({ tester: apiKey }), IdempotencyStore.layerMemory()])
)

/** One exchange as a test sees it. */
export interface Exchange {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly status: number
}

/** What a bad network makes of requests and answers. */
export interface Bend {
  readonly request: (url: URL) => URL
  readonly response: (
    url: URL,
    response: HttpServerResponse.HttpServerResponse
  ) => HttpServerResponse.HttpServerResponse
}

const straight: Bend = { request: (url) => url, response: (_url, response) => response }

/** An HTTP client whose requests go straight to the handlers. */
export const layerInProcess = (
  seen: (exchange: Exchange) => void = () => {},
  bend: Bend = straight
): Layer.Layer<HttpClient.HttpClient, never, DevboxBackend> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const handler = yield* HttpRouter.toHttpEffect(routes.pipe(Layer.provide(HttpServer.layerServices)))
      const scope = yield* Effect.scope
      return HttpClient.make((request, wanted) => {
        const url = bend.request(wanted)
        const requestScope = Scope.forkUnsafe(scope)
        const serverRequest = HttpServerRequest.fromClientRequest(request).modify({
          url: url.pathname + url.search
        })
        let transferred = false
        return handler.pipe(
          Effect.map((response) => {
            seen({
              method: request.method,
              url: url.pathname + url.search,
              headers: request.headers,
              status: response.status
            })
            const bent = bend.response(url, response)
            const transfer = HttpEffect.scopeTransferToStream(bent)
            transferred = transfer !== bent
            return HttpServerResponse.toClientResponse(transfer, { request })
          }),
          Effect.provideService(HttpServerRequest.HttpServerRequest, serverRequest),
          Effect.provideService(Scope.Scope, requestScope),
          Effect.orDie,
          Effect.onExit((exit) => (transferred && Exit.isSuccess(exit) ? Effect.void : Scope.close(requestScope, exit)))
        )
      })
    })
  )

/** The backend that speaks the wire to handlers over another backend. */
export const overTheWire = <E, R>(
  backend: Layer.Layer<DevboxBackend, E, R>,
  mode: "plain" | "ours",
  seen?: (exchange: Exchange) => void
) => {
  const options = { apiKey, baseUrl: "http://api.devbox.test" }
  const client =
    mode === "ours" ? RunloopBackend.layerServer(options) : RunloopBackend.layer({ ...options, optimisticTimeout: 0 })
  return client.pipe(Layer.provide(layerInProcess(seen).pipe(Layer.provide(backend))))
}

/** A server on a port of its own. */
export const layerServer = <E, R>(backend: Layer.Layer<DevboxBackend, E, R>) =>
  HttpRouter.serve(routes.pipe(Layer.provide(backend)), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, gracefulShutdownTimeout: "1 second" }))
  )
