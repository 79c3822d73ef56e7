/**
 * The client of the described endpoints: from their descriptions, as the server's side is, but with nothing that only a server needs.
 * It builds the request, hands it to whoever sends it, and understands the answer; what refusals mean is not known here.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as HttpApiClient from "effect/http-api/HttpApiClient"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Schema from "effect/Schema"
import { UnexpectedResponseError } from "../../DevboxError.ts"
import type { Describe } from "../api/describe.ts"

/** A request as the description wants it, to be sent. */
export interface Outgoing {
  readonly method: "GET" | "POST"
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>> | undefined
  readonly body: HttpBody.HttpBody
}

/** Sends a request; an answer that is not a success is a failure. */
export type Send<E> = (outgoing: Outgoing) => Effect.Effect<HttpClientResponse.HttpClientResponse, E>

/** What was asked for cannot be put on the wire; nothing was sent. */
export class Unsendable extends Data.TaggedError("Unsendable")<{ readonly detail: string }> {}

const unsendable = (error: Schema.SchemaError) =>
  new Unsendable({ detail: `the request cannot be sent: ${error.message}` })

type Codec = Schema.Codec<unknown, unknown>

/** What a client needs to know of an endpoint. */
interface Endpoint {
  readonly identifier: string
  readonly method: "GET" | "POST"
  readonly path: string
  readonly query?: Codec | Schema.Struct.Fields
  readonly payload?: Codec | readonly [Codec, ...ReadonlyArray<Codec>]
  readonly success: Codec | typeof bytes
}

interface Request {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: unknown
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly payload?: unknown
  readonly responseMode?: string
}

/** Answers that are streams of bytes; events are read from them by whoever wants them. */
const bytes = { _tag: "Bytes" } as const

const verb =
  (method: Endpoint["method"]) =>
  (identifier: string, path: string, options: Omit<Endpoint, "identifier" | "method" | "path">): Endpoint => ({
    identifier,
    method,
    path,
    ...options
  })

const describe = {
  get: verb("GET"),
  post: verb("POST"),
  StreamSse: () => bytes,
  StreamUint8Array: () => bytes,
  asMultipartStream: () => (schema: unknown) => schema,
  failures: []
  // Effect's types are what the methods get theirs from; the values are the facts alone.
} as unknown as Describe

/** The methods of described endpoints. */
export type Methods<Endpoints extends HttpApiEndpoint.ConstraintRequest, E> = {
  readonly [Endpoint in Endpoints as Endpoint["identifier"]]: HttpApiClient.Client.Method<Endpoint, E, never> & {
    /** The path of a request that is made in another way. */
    readonly path: (params: Readonly<Record<string, string>>) => string
  }
}

const isSchema = (described: Codec | Schema.Struct.Fields): described is Codec => Schema.isSchema(described)

const codecOf = (described: Codec | Schema.Struct.Fields): Codec =>
  // The fields of a query are of plain data, and so is their struct.
  isSchema(described) ? described : (Schema.Struct(described) as unknown as Codec)

const queryText = (query: unknown): string => {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query as Record<string, string | undefined>)) {
    if (value !== undefined) params.append(name, value)
  }
  const text = params.toString()
  return text === "" ? "" : `?${text}`
}

const unreadable = (error: unknown) =>
  new UnexpectedResponseError({
    detail: `the answer cannot be understood: ${error instanceof Error ? error.message : String(error)}`
  })

const nothing = HttpBody.text("", "application/json")

const method = <E>(endpoint: Endpoint, send: Send<E>) => {
  const pieces = endpoint.path.split(/:(\w+)/)
  const path = (params: Readonly<Record<string, string>> = {}): string =>
    pieces.map((piece, index) => (index % 2 === 0 ? piece : encodeURIComponent(params[piece] ?? ""))).join("")
  const { payload, query, success } = endpoint
  const encodeQuery = query === undefined ? undefined : Schema.encodeUnknownEffect(codecOf(query))
  const encodePayload =
    payload === undefined ? undefined : Schema.encodeUnknownEffect(Schema.isSchema(payload) ? payload : payload[0])
  const decode = success === bytes ? undefined : Schema.decodeUnknownEffect(success as Codec)

  const run = ({ headers, params, payload, query, responseMode }: Request) =>
    Effect.gen(function* () {
      const search =
        encodeQuery === undefined || query === undefined
          ? ""
          : queryText(yield* Effect.mapError(encodeQuery(query), unsendable))
      // Official clients label empty bodies, too, and never send a bare `null` (PROTOCOL P1).
      const body =
        endpoint.method === "GET"
          ? HttpBody.empty
          : encodePayload === undefined || payload === null || payload === undefined
            ? nothing
            : HttpBody.text(
                JSON.stringify(yield* Effect.mapError(encodePayload(payload), unsendable)),
                "application/json"
              )
      const response = yield* send({ method: endpoint.method, path: path(params) + search, headers, body })
      if (responseMode === "response-only") return response
      if (decode === undefined) return response.stream
      const text = yield* response.text
      return yield* decode(yield* Effect.try({ try: () => JSON.parse(text) as unknown, catch: unreadable }))
    })
  return Object.assign(run, { path })
}

/** The client of some endpoints, whose codecs are made when one is first used. */
export const makeClient = <Endpoints extends HttpApiEndpoint.ConstraintRequest, E>(
  endpoints: (describe: Describe) => ReadonlyArray<Endpoints>,
  send: Send<E>
): Methods<Endpoints, E> => {
  const client: Record<string, ReturnType<typeof method>> = {}
  // Described as facts; see `describe`.
  for (const endpoint of endpoints(describe) as unknown as ReadonlyArray<Endpoint>) {
    let made: ReturnType<typeof method> | undefined
    Object.defineProperty(client, endpoint.identifier, { get: () => (made ??= method(endpoint, send)) })
  }
  // Each method is of the type of its description.
  return client as unknown as Methods<Endpoints, E>
}
