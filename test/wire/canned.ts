/** A server that answers from a script: for what no server of ours would say. Keeps what it was asked. */
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import { type Duration, Effect, Layer, Redacted, Stream } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpServerResponse } from "effect/http"

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The bytes of a body, in the pieces in which they arrive; then it ends, breaks, or stays open without a word. */
export interface Body {
  readonly pieces: ReadonlyArray<string | Uint8Array>
  /** The pause before each piece. */
  readonly every?: Duration.Input
  readonly then?: "end" | "reset" | "silence"
}

export type Reply =
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
  | { readonly failure: { readonly code?: string; readonly syscall?: string } }
  | "never"

const isBody = (body: unknown): body is Body => typeof body === "object" && body !== null && "pieces" in body

const encoder = new TextEncoder()

/** In fibers rather than in the platform's streams, so that virtual time moves it. */
const stream = ({ every = 0, pieces, then = "end" }: Body): Stream.Stream<Uint8Array, Error> => {
  const bytes = Stream.fromIterable(pieces.map((piece) => (typeof piece === "string" ? encoder.encode(piece) : piece)))
  const reset = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })
  return Stream.concat(
    Stream.tap(Stream.rechunk(bytes, 1), () => Effect.sleep(every)),
    then === "end" ? Stream.empty : then === "reset" ? Stream.fail(reset) : Stream.never
  )
}

const bodyText = (request: HttpClientRequest.HttpClientRequest) => {
  switch (request.body._tag) {
    case "Uint8Array":
      return Effect.succeed(new TextDecoder().decode(request.body.body))
    case "Stream":
      return Stream.mkString(Stream.decodeText(request.body.stream))
    default:
      return Effect.succeed("")
  }
}

/** The server as a client sees it, and what it was asked so far. */
export const cannedClient = (reply: (asked: Asked, index: number) => Reply) => {
  const asked: Array<Asked> = []
  const client = HttpClient.make((request, url) =>
    Effect.gen(function* () {
      const failed = (cause: unknown) =>
        new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
      const body = yield* Effect.mapError(bodyText(request), failed)
      const one: Asked = {
        method: request.method,
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        body
      }
      asked.push(one)
      const answer = reply(one, asked.length - 1)
      if (answer === "never") return yield* Effect.never
      if ("failure" in answer) {
        const { code, syscall = "connect" } = answer.failure
        return yield* failed(
          new TypeError("fetch failed", {
            cause: Object.assign(new Error(`${syscall} ${code}`), code === undefined ? {} : { code, syscall })
          })
        )
      }
      const content = answer.body
      const status = answer.status ?? 200
      const headers = { ...answer.headers }
      const contentType = headers["content-type"] ?? (typeof content === "string" ? "text/plain" : "application/json")
      delete headers["content-type"]
      const response = isBody(content)
        ? HttpServerResponse.stream(stream(content), { status, headers, contentType })
        : content === undefined
          ? HttpServerResponse.empty({ status, headers })
          : HttpServerResponse.text(typeof content === "string" ? content : JSON.stringify(content), {
              status,
              headers,
              contentType
            })
      return HttpServerResponse.toClientResponse(response, { request })
    })
  )
  return { asked, client }
}

/** The server, what it was asked so far, and a backend that talks to it. */
export const canned = (reply: (asked: Asked, index: number) => Reply, options: { readonly baseUrl?: string } = {}) => {
  const { asked, client } = cannedClient(reply)
  const layer = RunloopBackend.layer({
    apiKey: Redacted.make("a-secret-key"),
    optimisticTimeout: "1 second",
    ...(options.baseUrl === undefined ? {} : { baseUrl: options.baseUrl })
  }).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
  return { asked, layer }
}

/** A devbox as the wire has it. */
export const view = (over: object = {}) => ({
  id: "dbx_1",
  status: "running",
  capabilities: [],
  create_time_ms: 1,
  end_time_ms: null,
  launch_parameters: {},
  metadata: {},
  state_transitions: [],
  ...over
})

/** An execution as the wire has it. */
export const executionView = (over: object = {}) => ({
  devbox_id: "dbx_1",
  execution_id: "exec_1",
  status: "completed",
  exit_status: 0,
  stdout: "",
  stderr: "",
  ...over
})
