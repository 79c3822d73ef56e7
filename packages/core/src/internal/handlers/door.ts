/**
 * What stands around every request: a key that is checked, a request that cannot be read and a defect as answers in the one
 * form, and a request that arrives twice carried out once (PROTOCOL P1).
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { ApiKeys, CurrentCaller } from "../../ApiKeys.ts"
import { AuthenticationError, InvalidRequestError } from "../../DevboxError.ts"
import { RequestKey } from "../../DevboxBackend.ts"
import { type Answer, CurrentAttempt, IdempotencyStore, type Request } from "../../IdempotencyStore.ts"
import { Authorization, Caller, Door } from "../api/security.ts"
import { encode } from "../wireError.ts"
import { measured } from "./measured.ts"
import { failure, toResponse } from "./respond.ts"

const unauthorized = toResponse(
  encode(
    failure(
      "authorize",
      new AuthenticationError({ detail: "the key is missing or not valid; send `Authorization: Bearer <key>`" })
    )
  )
)

/** A body is streamed after its handler is done, and still for whoever asked. */
const streamedFor = (caller: { readonly id: string }, response: HttpServerResponse.HttpServerResponse) =>
  response.body._tag === "Stream"
    ? HttpServerResponse.setBody(
        response,
        HttpBody.stream(
          Stream.provideService(response.body.stream, CurrentCaller, caller),
          response.body.contentType,
          response.body.contentLength
        )
      )
    : response

/** Checks the key before anything else is said. */
export const authorization = Layer.effect(
  Authorization,
  Effect.map(ApiKeys, (keys) => ({
    bearer: (handler, { credential, endpoint, group }) =>
      Effect.flatMap(keys.check(credential), (caller) =>
        caller === undefined
          ? Effect.succeed(unauthorized)
          : handler.pipe(
              Effect.map((response) => streamedFor(caller, response)),
              Effect.provideService(CurrentCaller, caller),
              Effect.provideService(Caller, caller)
            )
      ).pipe(measured(`${group.identifier}.${endpoint.identifier}`))
  }))
)

const badRequest = (detail: string) => toResponse(encode(failure("request", new InvalidRequestError({ detail }))))

/** What went wrong says nothing to a stranger; the log has it. */
const internalFailure = toResponse({
  status: 500,
  headers: { "x-should-retry": "false" },
  body: { message: "the server failed; its log says why", code: "internal" }
})

const tooLarge = toResponse({
  status: 413,
  headers: { "x-should-retry": "false" },
  body: { message: "the body of the request is too large", code: "too_large" }
})

const taken = toResponse({
  status: 422,
  headers: { "x-should-retry": "false" },
  body: {
    message: "this x-request-id was sent before with another request; send a new one, or what was sent with it before",
    code: "request_id_taken"
  }
})

const otherType = toResponse({
  status: 415,
  headers: { "x-should-retry": "false" },
  body: { message: "the body of the request must be JSON, and say so in its content type", code: "invalid_request" }
})

const where = { Params: "path", Query: "query", Headers: "headers", Payload: "body" } as const

/** A failure that no handler answered → an answer. */
const explain = (cause: Cause.Cause<unknown>): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
  const error = Cause.squash(cause)
  if (HttpApiError.HttpApiSchemaError.is(error)) {
    const place = where[error.kind as keyof typeof where]
    if (place !== undefined) return Effect.succeed(badRequest(`the ${place} of the request: ${error.cause.message}`))
  }
  if (HttpApiError.HttpApiPayloadTooLarge.is(error)) return Effect.succeed(tooLarge)
  const { _tag, reason } = unreadable(error)
  if (reason === "BodyTooLarge") return Effect.succeed(tooLarge)
  if (_tag === "RequestParseError") return Effect.succeed(badRequest("the request cannot be read to its end"))
  return Effect.as(Effect.logError("a request failed with a defect", cause), internalFailure)
}

/** Why the sockets' side could not read a request; nothing else has such a reason. */
const unreadable = (error: unknown): { readonly _tag?: string; readonly reason?: string } =>
  Predicate.isTagged(error, "HttpServerError") && Predicate.hasProperty(error, "reason") ? (error.reason as object) : {}

/** Requests whose answer is a stream or a look: each is new. */
const isNewEachTime = /\/(wait_for_status|read_file_contents|download_file|upload_file)$/

const keepable = (response: HttpServerResponse.HttpServerResponse): Answer | undefined =>
  response.status >= 200 && response.status < 300 && response.body._tag === "Uint8Array"
    ? { status: response.status, headers: { "content-type": response.body.contentType }, body: response.body.body }
    : undefined

const replay = ({ body, headers, status }: Answer) =>
  HttpServerResponse.uint8Array(body, { status, contentType: headers["content-type"] ?? "application/json" })

interface Running {
  readonly content: string
  readonly answer: Deferred.Deferred<HttpServerResponse.HttpServerResponse>
}

/** Carries a keyed request out once: later arrivals get the first one's answer, and wait for it where it is not there yet. */
const makeOnce = Effect.gen(function* () {
  const store = yield* IdempotencyStore
  const scope = yield* Effect.scope
  const running = new Map<string, Running>()
  return <R>(
    request: Request,
    handle: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
    Effect.gen(function* () {
      const { content, key } = request
      const before = running.get(key)
      if (before !== undefined) return before.content === content ? yield* Deferred.await(before.answer) : taken
      const answer = Deferred.makeUnsafe<HttpServerResponse.HttpServerResponse>()
      running.set(key, { content, answer })
      const work = Effect.gen(function* () {
        const begun = yield* store.begin(request)
        if (begun === "taken") return taken
        if ("body" in begun) return replay(begun)
        const response = yield* handle.pipe(
          Effect.provideService(CurrentAttempt, begun),
          Effect.provideService(RequestKey, begun.seed)
        )
        const keep = keepable(response)
        if (keep !== undefined) yield* store.put(request, keep)
        return response
      }).pipe(
        Effect.onExit((exit) =>
          Effect.andThen(
            Effect.sync(() => running.delete(key)),
            Deferred.done(answer, exit)
          )
        )
      )
      // A client that hangs up does not undo what it asked for: its retry finds the answer.
      yield* Effect.forkIn(work, scope, { startImmediately: true })
      return yield* Deferred.await(answer)
    })
})

/** See above. */
export const door = Layer.effect(
  Door,
  Effect.map(
    makeOnce,
    (once) => (handler) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const caller = yield* Caller
        const answer = Effect.catchCause(
          Effect.map(handler as Effect.Effect<HttpServerResponse.HttpServerResponse, unknown>, (response) =>
            response.status === 415 ? otherType : response
          ),
          explain
        )
        const key = request.headers["x-request-id"]
        const [path = "", query = ""] = request.url.split("?")
        if (request.method === "GET" || key === undefined || isNewEachTime.test(path)) return yield* answer
        const body = yield* Effect.result(request.text)
        // What cannot be read is not carried out; the handler says why.
        if (Result.isFailure(body)) return yield* answer
        return yield* once(
          {
            key: JSON.stringify([caller.id, request.method, path, key]),
            content: JSON.stringify([query, body.success]),
            credential: Redacted.make(request.headers["authorization"] ?? "")
          },
          answer
        )
      })
  )
)
