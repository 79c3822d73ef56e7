// A stranger's program: its errors are what the types say, and nothing else.
import { type CommandFailed, Devbox, DevboxService, type ExecError } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Layer } from "effect"

const version = Effect.scoped(
  Effect.gen(function* () {
    const devbox = yield* Devbox.create({ name: "types", env: { A: "1" } })
    const { stdout } = yield* devbox.cmd.execOrFail(["node", "--version"], { timeout: "1 minute" })
    return stdout.trim()
  })
)

export const program: Effect.Effect<string, CommandFailed | ExecError, DevboxService> = version
export const provided = program.pipe(
  Effect.catchTag("CommandFailed", ({ exitCode }) => Effect.succeed(`failed with ${exitCode}`)),
  Effect.provide(DevboxService.layer.pipe(Layer.provide(LocalBackend.layer())))
)
// @ts-expect-error -- there is no such option
export const wrong = Devbox.create({ nmae: "types" })
