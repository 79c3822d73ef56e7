/**
 * The server that is fuzzed, in a process of its own: over a backend in memory in which nothing grows, so that what grows is the
 * server's. Says its URL, and on every message how much memory it holds.
 */
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { CreateParams } from "@effect-devbox/core/DevboxModel"
import { ExecutionDetail, ExecutionId } from "@effect-devbox/core/Execution"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import { SnapshotParams } from "@effect-devbox/core/Snapshot"
import * as DevboxServer from "@effect-devbox/node/DevboxServer"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Stream } from "effect"
import { keys } from "../support.ts"

const [stateDir = ""] = process.argv.slice(2)

/** What is made is what was there before. */
const frozen = Layer.effect(
  DevboxBackend,
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    const box = yield* backend.create(new CreateParams({ metadata: { "effect-devbox.server.tenant": "alice" } }))
    const commandId = ExecutionId.make("0190f0f0-0000-7000-8000-000000000000")
    yield* backend.startExecution(box.id, { commandId, command: "echo out" })
    const snapshot = yield* backend.startSnapshot(
      box.id,
      new SnapshotParams({ metadata: { "effect-devbox.server.tenant": "alice" } })
    )
    return {
      ...backend,
      create: () => Effect.succeed(box),
      startExecution: (id) => Effect.orDie(backend.getExecution(id, commandId)),
      startSnapshot: () => Effect.succeed(snapshot),
      update: () => Effect.succeed(box),
      suspend: () => Effect.succeed(box),
      shutdown: () => Effect.succeed(box),
      updateSnapshot: () => Effect.succeed(snapshot),
      deleteSnapshot: () => Effect.void,
      upload: (devboxId, _, contents) =>
        Effect.as(Stream.runDrain(contents), new ExecutionDetail({ devboxId, exitStatus: 0, stdout: "", stderr: "" }))
    } satisfies DevboxBackend["Service"]
  })
).pipe(Layer.provide(memory()))

const main = Effect.gen(function* () {
  const { url } = yield* DevboxServer.DevboxServer
  process.on("message", () => {
    globalThis.gc?.()
    process.send?.({ heap: process.memoryUsage().heapUsed, rss: process.memoryUsage().rss })
  })
  yield* Effect.sync(() => process.send?.({ url }))
  return yield* Effect.never
})

const server = DevboxServer.layer({
  port: 0,
  auth: { keys },
  stateDir,
  limits: { bodyStall: "2 seconds", headerTime: "2 seconds", bodySize: "1 MiB" }
})

NodeRuntime.runMain(Effect.provide(main, server.pipe(Layer.provide(frozen))))
