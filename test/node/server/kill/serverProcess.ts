/** A server of its own on this machine's devboxes, to be killed: `node serverProcess.ts STATE_DIR PORT KEEP_OR_SHUTDOWN`. */
import * as DevboxServer from "@effect-devbox/node/DevboxServer"
import * as LocalBackend from "@effect-devbox/node/LocalBackend"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { join } from "node:path"
import { keys } from "../support.ts"

const [stateDir = "", port = "0", onExit = "keep"] = process.argv.slice(2)

const server = DevboxServer.layer({
  port: Number(port),
  auth: { keys },
  stateDir: join(stateDir, "server"),
  onExit: onExit === "shutdown" ? "shutdown" : "keep"
}).pipe(Layer.provide(LocalBackend.layer({ stateDir })))

const main = Effect.gen(function* () {
  const { url } = yield* DevboxServer.DevboxServer
  yield* Effect.sync(() => process.stdout.write(`${url}\n`))
  return yield* Effect.never
})

NodeRuntime.runMain(Effect.provide(main, server))
