// A program of a user of both packages: a devbox on this machine, which has this Node inside.
import { Devbox, DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"

Effect.gen(function* () {
  const devbox = yield* Devbox.create({ name: "consumer" })
  const { stdout } = yield* devbox.cmd.execOrFail("echo hello from $(node --version)")
  yield* Console.log(stdout.trim())
}).pipe(
  Effect.scoped,
  Effect.provide(DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))),
  NodeRuntime.runMain
)
