/** What is measured, in a process of its own: a devbox server over a backend in memory. Says what to ask, and where. */
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import * as DevboxServer from "@effect-devbox/node/DevboxServer"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Redacted } from "effect"

const [stateDir = ""] = process.argv.slice(2)

const main = Effect.gen(function* () {
  const { load, port } = yield* DevboxServer.DevboxServer
  yield* Effect.sync(() => {
    process.on("message", () => process.send?.(Effect.runSync(load)))
    process.send?.({ port })
  })
  return yield* Effect.never
})

const server = DevboxServer.layer({ port: 0, stateDir, auth: { keys: { bench: Redacted.make("bench") } } })

NodeRuntime.runMain(Effect.provide(main, server.pipe(Layer.provide(memory()))))
