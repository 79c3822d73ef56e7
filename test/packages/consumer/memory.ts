// A program of a user of core: a devbox in memory, from create to shutdown.
import * as Devbox from "@effect-devbox/core/Devbox"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import { MemoryBackend } from "@effect-devbox/core/testing"
import { Console, Effect, Layer } from "effect"

await Effect.gen(function* () {
  const devbox = yield* Devbox.create({ name: "consumer" })
  const { stdout } = yield* devbox.cmd.execOrFail("echo hello")
  yield* Console.log(stdout.trim())
}).pipe(
  Effect.scoped,
  Effect.provide(DevboxService.layer.pipe(Layer.provide(MemoryBackend.layer()))),
  Effect.runPromise
)
