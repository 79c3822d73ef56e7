/** The same code under test: commands are scripted, time is virtual, and whatever is left behind fails the test. */
import type { Devbox, DevboxService } from "@effect-devbox/core"
import { MemoryBackend } from "@effect-devbox/core/testing"
import { Fixtures } from "@effect-devbox/core/testing/vitest"
import { assert } from "@effect/vitest"
import { type Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** The code under test: installs, then tests, with a deadline. */
const verify = (devbox: Devbox.Devbox): Effect.Effect<string, never, DevboxService> =>
  Effect.gen(function* () {
    yield* devbox.cmd.execOrFail("npm ci")
    const { stdout } = yield* devbox.cmd.execOrFail("npm test", { timeout: "10 minutes" })
    return stdout.trim()
  }).pipe(
    Effect.catchTag("CommandFailed", ({ command, exitCode }) => Effect.succeed(`${command} ended with ${exitCode}`)),
    Effect.catchTag("WaitTimeout", () => Effect.succeed("too slow")),
    Effect.orDie
  )

const backend = (test: { readonly exit?: number; readonly takes?: Duration.Input }) =>
  MemoryBackend.layerControl({
    commands: [
      { match: "npm ci", stdout: "added 1 package\n" },
      {
        match: "npm test",
        stdout: "12 passed\n",
        ...(test.exit === undefined ? {} : { exitCode: test.exit }),
        ...(test.takes === undefined ? {} : { delay: test.takes })
      }
    ]
  })

Fixtures.describeDevboxes("a project whose tests pass", backend({}), (_, test) => {
  test("is verified", (devbox) => Effect.map(verify(devbox), (said) => assert.strictEqual(said, "12 passed")))
})

Fixtures.describeDevboxes("a project whose tests fail", backend({ exit: 1 }), (_, test) => {
  test("says so", (devbox) => Effect.map(verify(devbox), (said) => assert.strictEqual(said, "npm test ended with 1")))
})

Fixtures.describeDevboxes("a project whose tests hang", backend({ takes: "1 hour" }), (_, test) => {
  test("is given up after ten minutes, in no time at all", (devbox) =>
    Effect.gen(function* () {
      const verifying = yield* Effect.forkChild(verify(devbox))
      yield* TestClock.adjust("11 minutes")
      assert.strictEqual(yield* Fiber.join(verifying), "too slow")
    }))
})
