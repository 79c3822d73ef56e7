/** The table between errors and refusals, read in both directions. */
import { assert, describe, it } from "@effect/vitest"
import {
  AuthenticationError,
  BackendError,
  BackendReason,
  Conflict,
  DevboxNotReady,
  FileError,
  OutputLost,
  ResourceNotFound,
  UnavailableError
} from "@effect-devbox/core/DevboxError"
import { Effect, Schema } from "effect"
import {
  decode,
  encode,
  parseBody,
  type Refusal,
  type Request,
  type WireError
} from "../../packages/core/src/internal/wireError.ts"

const request: Request = { backend: "runloop", operation: "suspend", reads: false, now: 0 }

/** What a client reads of what the server wrote, over the text of the body. */
const travelled = (error: WireError, asked: Request = request): WireError => {
  const { body, headers, status } = encode(error)
  return decode({ status, headers, body: parseBody(JSON.stringify(body)) }, asked)
}

const plain = (
  status: number,
  options: { headers?: Record<string, string>; text?: string; asked?: Partial<Request> } = {}
) =>
  decode(
    { status, headers: options.headers ?? {}, body: parseBody(options.text ?? "") },
    { ...request, ...options.asked }
  )

const asBackendError = (error: WireError): BackendError => {
  if (error._tag !== "BackendError") assert.fail(`expected a BackendError, got ${error._tag}`)
  return error
}

describe("a refusal of ours", () => {
  it.effect.prop(
    "is read back as the error it was made from",
    [Schema.Union([ResourceNotFound, DevboxNotReady, Conflict, FileError, OutputLost])],
    ([error]) =>
      Effect.sync(() => {
        const back = travelled(error)
        assert.strictEqual(back._tag, error._tag)
        // JSON has one zero.
        assert.deepStrictEqual({ ...back }, JSON.parse(JSON.stringify({ ...error })))
      })
  )

  it.effect.prop(
    "keeps reason, outcome and verdict of a BackendError, under the name of the backend that asked",
    [BackendReason, Schema.Literals(["rejected", "ambiguous"]), Schema.UndefinedOr(Schema.Boolean)],
    ([reason, outcome, shouldRetry]) =>
      Effect.sync(() => {
        const error = new BackendError({
          backend: "local",
          operation: "suspend",
          reason,
          outcome,
          ...(shouldRetry === undefined ? {} : { shouldRetry })
        })
        const back = asBackendError(travelled(error))
        assert.strictEqual(back.backend, "runloop")
        assert.strictEqual(back.operation, "suspend")
        assert.deepStrictEqual({ ...back.reason }, JSON.parse(JSON.stringify({ ...error.reason })))
        assert.strictEqual(back.outcome, outcome)
        assert.strictEqual(back.isRetryable, error.isRetryable)
      })
  )

  it.effect.prop(
    "tells an official client to send again only what was certainly not done and may succeed later",
    [BackendReason, Schema.Literals(["rejected", "ambiguous"])],
    ([reason, outcome]) =>
      Effect.sync(() => {
        const error = new BackendError({ backend: "local", operation: "create", reason, outcome })
        assert.strictEqual(encode(error).headers["x-should-retry"], String(error.isRetryable && outcome === "rejected"))
      })
  )

  it("says how long to wait in both headers", () => {
    const reason = new UnavailableError({ detail: "busy", retryAfterMs: 1500 })
    const { headers, status } = encode(new BackendError({ backend: "b", operation: "o", reason, outcome: "rejected" }))
    assert.strictEqual(status, 503)
    assert.strictEqual(headers["retry-after-ms"], "1500")
    assert.strictEqual(headers["retry-after"], "2")
  })

  it("is judged by its status when its details are not what the word promises", () => {
    const broken = JSON.stringify({ message: "no", code: "file_error", details: { path: 1 } })
    assert.strictEqual(asBackendError(plain(400, { text: broken })).reason._tag, "InvalidRequestError")
  })
})

describe("a refusal of another server", () => {
  const reasons: ReadonlyArray<readonly [number, BackendReason["_tag"], BackendError["outcome"]]> = [
    [301, "UnexpectedResponseError", "rejected"],
    [400, "InvalidRequestError", "rejected"],
    [401, "AuthenticationError", "rejected"],
    [403, "AuthenticationError", "rejected"],
    [404, "UnexpectedResponseError", "rejected"],
    [408, "UnavailableError", "ambiguous"],
    [409, "UnavailableError", "rejected"],
    [413, "InvalidRequestError", "rejected"],
    [422, "InvalidRequestError", "rejected"],
    [429, "RateLimitError", "rejected"],
    [500, "UnavailableError", "ambiguous"],
    [501, "UnsupportedError", "rejected"],
    [502, "UnavailableError", "ambiguous"],
    [503, "UnavailableError", "ambiguous"],
    [504, "UnavailableError", "ambiguous"]
  ]
  it.each(reasons)("of status %i has the reason %s and is %s", (status, reason, outcome) => {
    const error = asBackendError(plain(status, { text: `{"message":"because"}` }))
    assert.strictEqual(error.reason._tag, reason)
    assert.strictEqual(error.outcome, outcome)
    assert.include(error.reason.detail, "because")
  })

  it("of a request that only reads is never in doubt", () => {
    assert.strictEqual(asBackendError(plain(500, { asked: { reads: true } })).outcome, "rejected")
  })

  it("is certainly not applied when the server says that it may be sent again", () => {
    const error = asBackendError(plain(503, { headers: { "x-should-retry": "true" } }))
    assert.strictEqual(error.outcome, "rejected")
    assert.isTrue(error.isRetryable)
  })

  it("is certainly not applied when the server names a time to come again", () => {
    const error = asBackendError(plain(503, { headers: { "retry-after": "3" } }))
    assert.strictEqual(error.outcome, "rejected")
    assert.strictEqual(error.reason._tag === "UnavailableError" ? error.reason.retryAfterMs : undefined, 3000)
  })

  it("is not tried again when the server says so", () => {
    assert.isFalse(asBackendError(plain(500, { headers: { "x-should-retry": "false" } })).isRetryable)
  })

  it.each([
    [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
    [{ "retry-after": "2.5" }, 2500],
    [{ "retry-after": "Thu, 01 Jan 1970 00:00:10 GMT" }, 10_000],
    [{ "retry-after": "0" }, undefined],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after-ms": "Infinity", "retry-after": "2" }, 2000],
    [{ "retry-after": "1e308" }, undefined],
    [{}, undefined]
  ] as ReadonlyArray<[Record<string, string>, number | undefined]>)("with %o asks to wait %s ms", (headers, wait) => {
    const { reason } = asBackendError(plain(429, { headers }))
    assert.strictEqual(reason._tag === "RateLimitError" ? reason.retryAfterMs : undefined, wait)
  })

  it("says that the thing that was asked for does not exist", () => {
    const error = plain(404, { asked: { about: { resource: "execution", id: "e1" } } })
    assert.deepStrictEqual({ ...error }, { ...new ResourceNotFound({ resource: "execution", id: "e1" }) })
  })

  it.each([
    [404, { about: { resource: "devbox", id: "d" } as const }],
    [404, { file: { devboxId: "d", path: "/file" } }],
    [409, { conflict: "d" }]
  ])("of status %i may be sent again when the server says so, whatever it is about", (status, asked) => {
    const headers = { "x-should-retry": "true" }
    const error = asBackendError(plain(status, { asked, headers, text: `{"message":"no such file yet"}` }))
    assert.strictEqual(error.reason._tag, "UnavailableError")
    assert.isTrue(error.isRetryable)
    assert.strictEqual(error.outcome, "rejected")
  })

  it("says that a file does not exist when its words are about a file", () => {
    const asked = { about: { resource: "devbox", id: "d" } as const, file: { devboxId: "d", path: "/x" } }
    assert.strictEqual(plain(404, { asked, text: `{"message":"No such file or directory"}` })._tag, "FileError")
    assert.strictEqual(plain(404, { asked, text: `{"message":"devbox not found"}` })._tag, "ResourceNotFound")
  })

  it("clashes where an operation can clash", () => {
    assert.strictEqual(plain(409, { asked: { conflict: "d" } })._tag, "Conflict")
  })

  it.each([
    "",
    "null",
    "[]",
    "<html><b>Bad Gateway</b></html>",
    `{"message":{"a":1}}`,
    `{"message":null}`,
    "plain words",
    "{"
  ])("with the body %j is still an error", (text) => {
    const error = asBackendError(plain(502, { text }))
    assert.strictEqual(error.reason._tag, "UnavailableError")
    assert.notInclude(error.message, "<html>")
  })

  it("never shows more than a part of a long body", () => {
    const error = asBackendError(plain(400, { text: "x".repeat(100_000) }))
    assert.isBelow(error.message.length, 1000)
  })
})

describe("the table", () => {
  it("writes a key that is not accepted as 401 and reads it back as that", () => {
    const reason = new AuthenticationError({ detail: "no" })
    const refusal: Refusal = encode(new BackendError({ backend: "b", operation: "o", reason, outcome: "rejected" }))
    assert.strictEqual(refusal.status, 401)
    assert.strictEqual(refusal.headers["x-should-retry"], "false")
  })
})
