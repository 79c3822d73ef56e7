/** A service of your own that holds a devbox: made with the layer, shared by all who ask, gone with the layer. */
import { Devbox, DevboxService } from "@effect-devbox/core"
import type { CommandFailed, ExecError, FileAccessError, WaitError } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Layer } from "effect"

/** Formats Python sources; nobody who uses it knows that there is a devbox. */
class Formatter extends Context.Service<
  Formatter,
  { readonly compact: (source: string) => Effect.Effect<string, CommandFailed | ExecError | FileAccessError> }
>()("example/Formatter") {
  static readonly layer: Layer.Layer<Formatter, WaitError, DevboxService> = Layer.effect(
    Formatter,
    Effect.gen(function* () {
      const devbox = yield* Devbox.create({ name: "formatter" })
      const compact = Effect.fn("Formatter.compact")(function* (source: string) {
        const { stdout } = yield* devbox.cmd.execOrFail([
          "python3",
          "-c",
          "import ast, sys; print(ast.unparse(ast.parse(sys.argv[1])))",
          source
        ])
        return stdout.trim()
      })
      return { compact }
    })
  )
}

const program = Effect.gen(function* () {
  const formatter = yield* Formatter
  yield* Console.log(yield* formatter.compact("x  =  (1 +\n   2)"))
  const broken = yield* Effect.flip(formatter.compact("x = = 1"))
  yield* Console.log(`${broken._tag}: ${"stderr" in broken ? broken.stderr.trim().split("\n").at(-1) : broken.message}`)
})

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Formatter.layer.pipe(Layer.provide(Devboxes))), NodeRuntime.runMain)
