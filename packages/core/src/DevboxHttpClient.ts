/**
 * Effect's own `HttpClient` for a port inside a devbox, so that a program which knows nothing of devboxes talks to a server in
 * one, without a tunnel. A URL that is a path alone is asked of `localhost`; whatever host a URL names, the request goes to the
 * port. It keeps no connection and takes no name apart.
 */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import type { Devbox } from "./DevboxHandle.ts"

const hasScheme = /^[a-z][a-z0-9+.-]*:/i

/** The client for a port. What keeps a request from being answered is a `TransportError` with the devbox's own error as its cause. */
export const make = (devbox: Devbox, port: number): HttpClient.HttpClient =>
  HttpClient.mapRequest(
    HttpClient.make((request) =>
      Effect.mapError(devbox.net.fetch(port, request), (cause) => {
        const reason = new HttpClientError.TransportError({ request, cause, description: cause.message })
        return new HttpClientError.HttpClientError({ reason })
      })
    ),
    (request) =>
      hasScheme.test(request.url) ? request : HttpClientRequest.prependUrl(request, `http://localhost:${port}`)
  )

/** Effect's `HttpClient`, to a port inside a devbox. */
export const layer = (devbox: Devbox, port: number): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(HttpClient.HttpClient, make(devbox, port))
