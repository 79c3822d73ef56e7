/**
 * One request and what becomes of it: base URL, key, idempotency key, deadline, and every failure as an error of ours that says
 * whether the operation may have happened. It never sends anything twice.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import { RequestKey } from "../../DevboxBackend.ts"
import {
  BackendError,
  type BackendReason,
  InvalidRequestError,
  ResourceNotFound,
  TransportError,
  UnexpectedResponseError
} from "../../DevboxError.ts"
import type { Describe } from "../api/describe.ts"
import { defined } from "../defined.ts"
import { isTraced } from "../spans.ts"
import { decode, parseBody, type Refusal, type Request, type WireError } from "../wireError.ts"
import { makeClient, type Outgoing, Unsendable } from "./client.ts"
import { describeFailure, fateOf } from "./connection.ts"
import { measured } from "./metrics.ts"

/** Where the requests go. */
export interface Peer {
  /** The word for this backend in errors and spans. */
  readonly name: string
  readonly baseUrl: string
  readonly apiKey: Redacted.Redacted
}

/** An answer that is not a success. */
class Refused extends Data.TaggedError("Refused")<{ readonly refusal: Refusal }> {}

/** How long an ordinary call may take. */
export const callTimeout = Duration.seconds(30)

/** What is asked for, so that a failure can be judged. */
export interface Ask<Tag extends WireError["_tag"] = "BackendError"> extends Partial<
  Omit<Request, "backend" | "operation" | "now">
> {
  readonly operation: string
  /** What the thing that it is about belongs to. */
  readonly within?: Request["about"]
  /** The errors of ours that this operation has besides `BackendError`. */
  readonly fails?: ReadonlyArray<Tag>
  /** Default half a minute; a hold takes its time on top. */
  readonly hold?: Duration.Duration
}

/** The errors of an operation. */
export type Failure<Tag extends WireError["_tag"]> = Extract<WireError, { readonly _tag: Tag }> | BackendError

const refused = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.flatMap(
    // A refusal whose body is lost is still that refusal.
    Effect.orElseSucceed(response.text, () => ""),
    (text) =>
      Effect.fail(
        new Refused({ refusal: { status: response.status, headers: response.headers, body: parseBody(text) } })
      )
  )

/** The client for whom every answer that is not a success is a failure, which {@link makeTransport} can judge. */
export const refusedUnless = <E, R>(client: HttpClient.HttpClient.With<E, R>) =>
  HttpClient.transformResponse(
    client,
    Effect.flatMap((response) =>
      response.status >= 200 && response.status < 300 ? Effect.succeed(response) : refused(response)
    )
  )

/**
 * Success whose answer means nothing beyond it: any JSON will do, and none (PROTOCOL P1). A page is from somebody in between who did
 * not pass the request on.
 */
export const accepted = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<void, UnexpectedResponseError> =>
  /\bhtml\b/i.test(response.headers["content-type"] ?? "")
    ? Effect.fail(new UnexpectedResponseError({ detail: "the answer is a page of HTML" }))
    : // It is read so that its connection can be used again.
      Effect.ignore(response.text)

const headersFor = (
  peer: Peer,
  key: string | undefined,
  method: string,
  given: Readonly<Record<string, string | undefined>> = {}
): Record<string, string> => ({
  // Keys come from files that end in a newline, and no header may.
  authorization: `Bearer ${Redacted.value(peer.apiKey).trim()}`,
  "user-agent": "effect-devbox",
  accept: "application/json",
  // The service keeps the key over its retries of one call; whoever calls without it asks anew each time.
  ...(method === "GET" ? {} : { "x-request-id": key ?? SecureRandom.uuidV7Unsafe() }),
  ...defined(given)
})

const untraced = () => true

const isHttpClientError = (error: unknown): error is HttpClientError.HttpClientError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "HttpClientError"

/** Builds the transport to a peer. */
export const makeTransport = (peer: Peer) =>
  Effect.gen(function* () {
    const httpClient = refusedUnless(yield* HttpClient.HttpClient)
    const base = peer.baseUrl.replace(/\/+$/, "")
    const send = ({ body, headers, method, path }: Outgoing) =>
      Effect.withFiber((fiber) => {
        const sent = httpClient.execute(
          HttpClientRequest.make(method)(base + path, {
            headers: headersFor(peer, fiber.getRef(RequestKey), method, headers),
            body
          })
        )
        return isTraced(fiber) ? sent : Effect.provideService(sent, HttpClient.TracerDisabledWhen, untraced)
      })

    const backendError = (
      ask: Pick<Ask<never>, "operation" | "reads">,
      reason: BackendReason,
      outcome: BackendError["outcome"]
    ) =>
      new BackendError({
        backend: peer.name,
        operation: ask.operation,
        reason,
        outcome: ask.reads === true ? "rejected" : outcome
      })

    const judge = <Tag extends WireError["_tag"]>(ask: Ask<Tag>, error: unknown, now: number): Failure<Tag> => {
      if (error instanceof Refused) {
        const judged = decode(error.refusal, { reads: false, ...ask, backend: peer.name, now })
        if (judged._tag === "BackendError" || ask.fails?.includes(judged._tag as Tag)) return judged as Failure<Tag>
        return backendError(ask, new InvalidRequestError({ detail: judged.message }), "rejected")
      }
      // What a further call within this one was judged to be.
      if (error instanceof BackendError || ask.fails?.includes((error as Failure<Tag>)._tag as Tag)) {
        return error as Failure<Tag>
      }
      if (error instanceof Unsendable) {
        return backendError(ask, new InvalidRequestError({ detail: error.detail }), "rejected")
      }
      if (error instanceof TransportError || error instanceof UnexpectedResponseError)
        return backendError(ask, error, "ambiguous")
      if (Cause.isTimeoutError(error)) {
        const within = Duration.format(Duration.sum(callTimeout, ask.hold ?? Duration.zero))
        return backendError(
          ask,
          new TransportError({ detail: `no answer from ${peer.baseUrl} within ${within}` }),
          "ambiguous"
        )
      }
      if (!isHttpClientError(error)) {
        const detail = `the answer cannot be understood: ${error instanceof Error ? error.message : String(error)}`
        return backendError(ask, new UnexpectedResponseError({ detail }), "ambiguous")
      }
      const detail = describeFailure(error, peer.baseUrl)
      const { _tag } = error.reason
      const fate = fateOf(error)
      if (_tag === "EncodeError" || _tag === "InvalidUrlError" || fate === "impossible") {
        return backendError(ask, new InvalidRequestError({ detail }), "rejected")
      }
      // A connection that is lost while the answer is read is reported as a decoding problem (measured: by all transports).
      const unsent = _tag === "TransportError" && fate === "unsent"
      return backendError(ask, new TransportError({ detail }), unsent ? "rejected" : "ambiguous")
    }

    const judged = <Tag extends WireError["_tag"] = never>(
      ask: Ask<Tag>,
      error: unknown
    ): Effect.Effect<never, Failure<Tag>> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(judge(ask, error, now)))

    /** Does something for what can exist: with an id that is no part of a path the path would be another one. */
    const existing = <A, E, Tag extends WireError["_tag"]>(
      ask: Ask<Tag>,
      effect: Effect.Effect<A, E>
    ): Effect.Effect<A, E | Failure<Tag>> => {
      const missing = [ask.within, ask.about].find((thing) => thing !== undefined && /^\.{0,2}$/.test(thing.id))
      return missing === undefined ? effect : Effect.fail(new ResourceNotFound(missing) as Failure<Tag>)
    }

    /** Makes one call within its time; what goes wrong with what comes of it later is for {@link judged}. */
    const call = <A, E, Tag extends WireError["_tag"] = never>(
      ask: Ask<Tag>,
      request: Effect.Effect<A, E>
    ): Effect.Effect<A, Failure<Tag>> =>
      existing(
        ask,
        request.pipe(
          Effect.timeout(Duration.sum(callTimeout, ask.hold ?? Duration.zero)),
          Effect.catch((error) => judged(ask, error)),
          measured(peer.name, ask.operation)
        )
      )

    return {
      peer,
      send,
      /** The client of some endpoints. */
      client: <Endpoints extends HttpApiEndpoint.ConstraintRequest>(
        endpoints: (describe: Describe) => ReadonlyArray<Endpoints>
      ) => makeClient(endpoints, send),
      existing,
      call,
      judged,
      /** A call whose answer means nothing beyond its success. */
      opaque: <E, Tag extends WireError["_tag"] = never>(
        ask: Ask<Tag>,
        request: Effect.Effect<HttpClientResponse.HttpClientResponse, E>
      ): Effect.Effect<void, Failure<Tag>> => call(ask, Effect.flatMap(request, accepted)),
      /** A refusal that arrived inside a stream. */
      refuse: <Tag extends WireError["_tag"]>(ask: Ask<Tag>, refusal: Refusal) => judged(ask, new Refused({ refusal })),
      /** A failure before anything was sent. */
      reject: (operation: string, reason: BackendReason) => backendError({ operation }, reason, "rejected")
    }
  })

/** See {@link makeTransport}. */
export type Transport = Effect.Success<ReturnType<typeof makeTransport>>

/** The refusal behind a failure of the client, before it is judged. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof Refused ? error.refusal.status : undefined
