/** Laws of waiting for a port inside. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { equal, failsWith, succeeds } from "../claim.ts"
import { law, type ServiceLaw, Surroundings } from "../law.ts"
import { create } from "./boxes.ts"

/** See above. */
export const ports: ReadonlyArray<ServiceLaw> = [
  law(
    "port-awaited",
    "awaitPort returns when somebody listens, and not before: a connection can then be made.",
    ["dial", "echoServer"],
    Effect.gen(function* () {
      const devbox = yield* create()
      const { echoServer } = yield* Surroundings
      const waiting = yield* Effect.forkScoped(devbox.net.awaitPort(27_130), { startImmediately: true })
      const early = yield* failsWith("nobody listens yet", Effect.scoped(devbox.net.dial(27_130)), "BackendError")
      yield* equal("so a connection is refused", early.reason._tag, "TransportError")
      yield* equal("and it still waits", waiting.pollUnsafe() === undefined, true)
      yield* devbox.cmd.execAsync(echoServer?.(27_130) ?? "false")
      yield* succeeds("it returns", Fiber.join(waiting))
      yield* succeeds("then a connection can be made", Effect.scoped(devbox.net.dial(27_130)))
      yield* succeeds("and it returns at once", devbox.net.awaitPort(27_130, { timeout: "10 seconds" }))
    })
  ),
  law(
    "port-timeout",
    "awaitPort fails with WaitTimeout when nobody listens until the deadline.",
    ["dial"],
    Effect.gen(function* () {
      const devbox = yield* create()
      const error = yield* failsWith("it fails", devbox.net.awaitPort(27_131, { timeout: "200 millis" }), "WaitTimeout")
      yield* equal("it says what was waited for", error.operation, "awaitPort")
      yield* equal("and where", error.id, devbox.id as string)
    })
  ),
  law(
    "port-of-the-dead",
    "awaitPort of a devbox that is over fails at once.",
    ["dial"],
    Effect.gen(function* () {
      const devbox = yield* create()
      yield* devbox.shutdown()
      yield* failsWith("it fails", devbox.net.awaitPort(27_132), "DevboxNotReady")
    })
  )
]
