/**
 * The short way for short calls: a request whose answer is asked for as JSON goes straight to the dispatcher and its answer is read
 * whole. Everything else (streams, uploads, other hosts, traced requests) goes the platform's way.
 */
import type * as Undici from "@effect/platform-node/Undici"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"
import * as Tracer from "effect/Tracer"

/** Statuses whose answers have no body. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

const decoder = new TextDecoder()

interface Answer {
  readonly status: number
  readonly headers: Headers.Headers
  readonly body: Buffer<ArrayBuffer>
  /** Why the body is not all there. */
  readonly broken: Error | undefined
}

/** An answer that is there already. Whatever is seldom wanted of it is the web's. */
class Whole extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  private readonly answer: Answer

  constructor(request: HttpClientRequest.HttpClientRequest, answer: Answer) {
    super()
    this.request = request
    this.answer = answer
  }

  private get web(): HttpClientResponse.HttpClientResponse {
    const { body, broken, headers, status } = this.answer
    const content =
      broken === undefined
        ? bodiless.has(status)
          ? null
          : body
        : new ReadableStream({ start: (controller) => controller.error(broken) })
    return HttpClientResponse.fromWeb(this.request, new Response(content, { status, headers }))
  }

  get text(): Effect.Effect<string, HttpClientError.HttpClientError> {
    const { body, broken } = this.answer
    if (broken === undefined) return Effect.sync(() => decoder.decode(body))
    const reason = new HttpClientError.DecodeError({ request: this.request, response: this, cause: broken })
    return Effect.fail(new HttpClientError.HttpClientError({ reason }))
  }

  get status() {
    return this.answer.status
  }
  get headers() {
    return this.answer.headers
  }
  get url() {
    return this.request.url
  }
  get remoteAddress() {
    return Option.none<string>()
  }
  get json() {
    return this.web.json
  }
  get arrayBuffer() {
    return this.web.arrayBuffer
  }
  get stream() {
    return this.web.stream
  }
  get urlParamsBody() {
    return this.web.urlParamsBody
  }
  get formData() {
    return this.web.formData
  }
  get cookies() {
    return this.web.cookies
  }
  get upgrade() {
    return this.web.upgrade
  }
  toJSON() {
    return this.web.toJSON()
  }
  pipe() {
    // oxlint-disable-next-line prefer-rest-params -- the platform's own way of being `Pipeable`
    return pipeArguments(this, arguments)
  }
}

/** Sends a request of bytes and gives the answer when it is there as a whole; broken off when nobody waits for it any more. */
export const send = (
  dispatcher: Undici.Dispatcher,
  origin: string,
  request: HttpClientRequest.HttpClientRequest,
  body: Uint8Array | null
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> =>
  Effect.callback((resume) => {
    let controller: Undici.Dispatcher.DispatchController | undefined
    let head: Pick<Answer, "status" | "headers"> | undefined
    let abandoned = false
    const chunks: Array<Buffer> = []
    const end = (broken: Error | undefined): void => {
      if (head === undefined) return
      const [first] = chunks
      const bytes = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
      // Undici's buffers are never of shared memory.
      resume(Effect.succeed(new Whole(request, { ...head, body: bytes as Buffer<ArrayBuffer>, broken })))
    }
    const fail = (cause: unknown): void =>
      resume(
        Effect.fail(
          new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
        )
      )
    try {
      dispatcher.dispatch(
        {
          origin,
          path: request.url.slice(origin.length),
          method: request.method,
          headers: request.headers,
          body,
          // Deadlines are the caller's.
          headersTimeout: 60 * 60 * 1000,
          bodyTimeout: 0
        },
        {
          onRequestStart: (started) => {
            controller = started
            if (abandoned) started.abort(new Error("the request was interrupted"))
          },
          onResponseStart: (_, status, headers) => {
            if (status >= 200) head = { status, headers: Headers.fromInput(headers) }
          },
          onResponseData: (_, chunk) => void chunks.push(chunk),
          onResponseEnd: () => end(undefined),
          onResponseError: (_, error) => (head === undefined ? fail(error) : end(error))
        }
      )
    } catch (error) {
      fail(error)
    }
    return Effect.sync(() => {
      abandoned = true
      controller?.abort(new Error("the request was interrupted"))
    })
  })

/** The platform's client, with the short way for what may take it. */
export const withShortWay = (
  platform: Effect.Effect<HttpClient.HttpClient>,
  dispatcher: Undici.Dispatcher,
  origin: string
): HttpClient.HttpClient => {
  const theirWay = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.flatMap(platform, (client) => client.execute(request))
  return HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    (asked) =>
      Effect.flatMap(asked, (request) => {
        const { body, headers, url, urlParams } = request
        const bytes = body._tag === "Empty" ? null : body._tag === "Uint8Array" ? body.body : undefined
        return bytes === undefined ||
          headers["accept"] !== "application/json" ||
          headers["upgrade"] !== undefined ||
          urlParams.params.length > 0 ||
          !url.startsWith(`${origin}/`)
          ? theirWay(request)
          : Effect.withFiber((fiber) =>
              fiber.getRef(Tracer.DisablePropagation) || fiber.getRef(HttpClient.TracerDisabledWhen)(request)
                ? send(dispatcher, origin, request, bytes)
                : theirWay(request)
            )
      }),
    Effect.succeed
  )
}
