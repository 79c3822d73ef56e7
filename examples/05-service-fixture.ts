/** A service of your own that holds a devbox: made with the layer, shared by all who ask, gone with the layer. */
import { Devbox, DevboxService } from "@effect-devbox/core"
import type { CommandFailed, ExecError, FileAccessError, WaitError } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Layer } from "effect"

/** Formats JSON with whatever program is at hand; nobody who uses it knows that there is a devbox. */
class Formatter extends Context.Service<
  Formatter,
  { readonly pretty: (source: string) => Effect.Effect<string, CommandFailed | ExecError | FileAccessError> }
>()("example/Formatter") {
  static readonly layer: Layer.Layer<Formatter, WaitError, DevboxService> = Layer.effect(
    Formatter,
    Effect.gen(function* () {
      const devbox = yield* Devbox.create({ name: "formatter" })
      const pretty = Effect.fn("Formatter.pretty")(function* (source: string) {
        const { stdout } = yield* devbox.cmd.execOrFail([
          "node",
          "-p",
          "JSON.stringify(JSON.parse(process.argv[1]), null, 2)",
          source
        ])
        return stdout.trim()
      })
      return { pretty }
    })
  )
}

const program = Effect.gen(function* () {
  const formatter = yield* Formatter
  yield* Console.log(yield* formatter.pretty('{"a":1}'))
  const broken = yield* Effect.flip(formatter.pretty("{ a: 1 }"))
  yield* Console.log(broken._tag === "CommandFailed" ? `exit status ${broken.exitCode}` : broken)
})

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Formatter.layer.pipe(Layer.provide(Devboxes))), NodeRuntime.runMain)
