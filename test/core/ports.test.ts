/** Waiting for a port; that it returns when somebody listens is a law. */
import { BackendError, TransportError } from "@effect-devbox/core/DevboxError"
import { VirtualTime } from "@effect-devbox/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { awaitPort } from "../../packages/core/src/internal/service/ports.ts"
import { devboxId, stub } from "./stubs.ts"

describe("waiting for a port", () => {
  it.live("says in the end why no connection came about, so that a dead server is not taken for a silent port", () =>
    Effect.gen(function* () {
      const reason = new TransportError({ detail: "the server cannot be reached" })
      const failed = new BackendError({ backend: "stub", operation: "dial", outcome: "rejected", reason })
      const backend = stub({ features: ["dial"], dial: () => Effect.fail(failed) })
      const error = yield* Effect.flip(awaitPort(backend, devboxId, 80, { timeout: "10 seconds" }))
      assert.deepInclude(error, { _tag: "WaitTimeout", lastStatus: "the server cannot be reached" })
      assert.include(error.message, "the server cannot be reached")
    }).pipe(VirtualTime.run)
  )
})
