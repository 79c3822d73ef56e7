/** Errors are for people: what happened, to which id, what to do next. */
import { assert, describe, it } from "@effect/vitest"
import * as Errors from "@effect-devbox/core/DevboxError"
import { Duration, Effect, Schema } from "effect"

const backendError = (
  reason: Errors.BackendReason,
  outcome: "rejected" | "ambiguous" = "rejected",
  shouldRetry?: boolean
) =>
  new Errors.BackendError({
    backend: "runloop",
    operation: "create",
    reason,
    outcome,
    ...(shouldRetry === undefined ? {} : { shouldRetry })
  })

describe("errors", () => {
  it("name the id and the next step", () => {
    const cases: ReadonlyArray<readonly [Error, ReadonlyArray<RegExp>]> = [
      [new Errors.ResourceNotFound({ resource: "devbox", id: "dbx_7" }), [/dbx_7/, /list/]],
      [new Errors.DevboxNotReady({ devboxId: "dbx_7", status: "suspended", expected: "running" }), [/dbx_7/, /Resume/]],
      [new Errors.DevboxNotReady({ devboxId: "dbx_7", status: "shutdown", expected: "running" }), [/final/]],
      [
        new Errors.WaitTimeout({ operation: "exec", id: "exe_1", waitedMs: 61_000, lastStatus: "running" }),
        [/exe_1/, /1m 1s/, /running/, /timeout/]
      ],
      [
        new Errors.CommandFailed({
          devboxId: "dbx_7",
          executionId: "exe_1",
          command: "npm test",
          exitCode: 3,
          stdout: "",
          stderr: "no test found\n"
        }),
        [/npm test/, /dbx_7/, /3/, /no test found/]
      ],
      [new Errors.FileError({ devboxId: "dbx_7", path: "/a", kind: "InvalidUtf8" }), [/\/a/, /download/]],
      [
        backendError(
          new Errors.IsolationUnavailable({ required: "isolated", probe: "userns", detail: "refused", cure: "set x" })
        ),
        [/userns|refused/, /set x/]
      ],
      [backendError(new Errors.TransportError({ detail: "reset" }), "ambiguous"), [/not known/]]
    ]
    for (const [error, patterns] of cases) for (const pattern of patterns) assert.match(error.message, pattern)
  })

  it("say from their reason whether trying again can help, unless the server said so itself", () => {
    assert.isTrue(backendError(new Errors.RateLimitError({ detail: "slow", retryAfterMs: 1500 })).isRetryable)
    assert.isTrue(backendError(new Errors.TransportError({ detail: "reset" })).isRetryable)
    assert.isFalse(backendError(new Errors.InvalidRequestError({ detail: "bad" })).isRetryable)
    assert.isFalse(backendError(new Errors.UnavailableError({ detail: "no" }), "rejected", false).isRetryable)
    assert.isTrue(backendError(new Errors.InvalidRequestError({ detail: "bad" }), "rejected", true).isRetryable)
  })

  it("carry the delay that the backend asked for", () => {
    const error = backendError(new Errors.RateLimitError({ detail: "slow", retryAfterMs: 1500 }))
    assert.deepStrictEqual(error.retryAfter, Duration.millis(1500))
    assert.isUndefined(backendError(new Errors.TransportError({ detail: "reset" })).retryAfter)
  })

  it.effect("are caught by tag and by reason", () =>
    Effect.gen(function* () {
      const fail: Effect.Effect<never, Errors.LookupError> = Effect.fail(
        backendError(new Errors.RateLimitError({ detail: "slow" }))
      )
      const answer = yield* fail.pipe(
        Effect.catchReason("BackendError", "RateLimitError", () => Effect.succeed("later")),
        Effect.catchTag("ResourceNotFound", () => Effect.succeed("gone"))
      )
      assert.strictEqual(answer, "later")
    })
  )

  it("survive a trip through JSON", () => {
    const error = backendError(
      new Errors.UnavailableError({ detail: "no", status: 503, retryAfterMs: 5 }),
      "ambiguous",
      true
    )
    const json = JSON.parse(JSON.stringify(Schema.encodeSync(Errors.BackendError)(error)))
    const back = Schema.decodeUnknownSync(Errors.BackendError)(json)
    assert.strictEqual(back.message, error.message)
    assert.isTrue(back.isRetryable)
  })
})
