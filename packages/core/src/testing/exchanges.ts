/**
 * Recorded traffic as a test double: what a service once answered over HTTP, kept as data, given again without a network. It
 * knows nothing of devboxes; put it under `RunloopBackend`, or under anything else that asks for an `HttpClient`.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** A request and its answer. Of the request only what tells it from others is kept: no header, so no credentials. */
export class Exchange extends Schema.Class<Exchange>("effect-devbox/testing/Exchange")({
  method: Schema.String,
  /** Path and query; what is secret in the query is masked. */
  path: Schema.String,
  status: Schema.Int,
  contentType: Schema.optionalKey(Schema.String),
  /** The body, as text or, where it is none, as base64. */
  text: Schema.optionalKey(Schema.String),
  base64: Schema.optionalKey(Schema.String)
}) {}

/** The exchanges of a file, as JSON. */
export const ExchangesJson = Schema.fromJsonString(Schema.Array(Exchange))

/** Fields of answers that hold secrets; their values are not kept. */
const secret = /("(?:ssh_private_key|auth_token|token|upload_url|download_url)"\s*:\s*)"(?:[^"\\]|\\.)*"/g

/** Parts of a query that let whoever has the address in: presigned addresses. Masked alike when recording and when answering. */
const key = /([?&][^=&]*(?:signature|credential|token|secret|password|sig)[^=&]*=)[^&]*/gi

const address = (url: URL): string => `${url.pathname}${url.search.replace(key, "$1redacted")}`

const toExchange = (
  method: string,
  url: URL,
  status: number,
  contentType: string | undefined,
  body: Uint8Array
): Exchange => {
  const common = { method, path: address(url), status, ...(contentType === undefined ? {} : { contentType }) }
  if (body.length === 0) return new Exchange(common)
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body)
    return new Exchange({ ...common, text: text.replace(secret, '$1"<redacted>"') })
  } catch {
    return new Exchange({ ...common, base64: Base64.encode(body) })
  }
}

const toResponse = (
  request: HttpClientRequest.HttpClientRequest,
  exchange: Exchange
): HttpClientResponse.HttpClientResponse => {
  const bytes = exchange.base64 === undefined ? undefined : Result.getOrThrow(Base64.decode(exchange.base64))
  const body = bytes === undefined ? exchange.text : new Uint8Array(bytes)
  const headers = exchange.contentType === undefined ? {} : { "content-type": exchange.contentType }
  // Statuses without a body take none, not even an empty one.
  return HttpClientResponse.fromWeb(request, new Response(body ?? null, { status: exchange.status, headers }))
}

/** A client that keeps what passes through it. */
export interface Recording {
  readonly client: HttpClient.HttpClient
  /** What was kept so far, in the order in which the answers came. */
  readonly exchanges: Effect.Effect<ReadonlyArray<Exchange>>
}

/**
 * Records what a client is asked and answered. Answers are read to their end before they are passed on, so what is recorded
 * must end: watch for notices in another client.
 */
export const record = (client: HttpClient.HttpClient): Effect.Effect<Recording> =>
  Effect.sync(() => {
    const kept: Array<Exchange> = []
    return {
      exchanges: Effect.sync(() => [...kept]),
      client: HttpClient.make((request, url) =>
        Effect.gen(function* () {
          const response = yield* client.execute(request)
          const body = new Uint8Array(yield* response.arrayBuffer)
          const exchange = toExchange(request.method, url, response.status, response.headers["content-type"], body)
          kept.push(exchange)
          const headers = { ...response.headers }
          return HttpClientResponse.fromWeb(
            request,
            new Response(body.length === 0 ? null : body, { status: response.status, headers })
          )
        })
      )
    }
  })

/**
 * Answers with recorded exchanges: each request with the first unused one of the same method, path and query. A request that
 * was not recorded, or more often than recorded, fails and says which come next.
 */
export const layerReplay = (exchanges: ReadonlyArray<Exchange>): Layer.Layer<HttpClient.HttpClient> =>
  Layer.sync(HttpClient.HttpClient, () => {
    const left = [...exchanges]
    return HttpClient.make((request, url) =>
      Effect.suspend(() => {
        const at = left.findIndex(({ method, path }) => method === request.method && path === address(url))
        if (at !== -1) return Effect.succeed(toResponse(request, left.splice(at, 1)[0]!))
        const next = left.slice(0, 3).map(({ method, path }) => `${method} ${path}`)
        return Effect.fail(
          new HttpClientError.HttpClientError({
            // As a client reports what its platform refuses: it will not be better the next time.
            reason: new HttpClientError.InvalidUrlError({
              request,
              description: `${request.method} ${address(url)} was not recorded${
                next.length === 0 ? " and nothing is left" : `; next come ${next.join(", ")}`
              }`
            })
          })
        )
      })
    )
  })
