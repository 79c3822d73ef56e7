/** The smallest useful program: a devbox in memory, from create to shutdown. */
import * as Devbox from "@effect-devbox/core/Devbox"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const Devboxes = DevboxService.layer.pipe(Layer.provide(MemoryBackend.layer()))

export const main = (): Promise<string> =>
  Effect.gen(function* () {
    const devbox = yield* Devbox.create({ name: "bundle" })
    const result = yield* devbox.cmd.exec("echo hello")
    return result.stdout
  }).pipe(Effect.scoped, Effect.provide(Devboxes), Effect.runPromise)
