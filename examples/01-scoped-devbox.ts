/** A devbox that belongs to a scope: created, used, and gone at the end, whatever happened in between. */
import { Devbox, DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"

const program = Effect.gen(function* () {
  const devbox = yield* Devbox.create({ name: "first" })
  yield* devbox.file.write("greet.sh", 'echo "hello from $(whoami) on $(hostname)"')
  const { exitCode, stdout } = yield* devbox.cmd.exec(["bash", "greet.sh"])
  yield* Console.log(`exit status ${exitCode}: ${stdout.trim()}`)
  return devbox
}).pipe(
  Effect.scoped,
  // The handle still says what became of the devbox.
  Effect.tap((devbox) => Effect.flatMap(devbox.getInfo, ({ status }) => Console.log(`now it is: ${status}`)))
)

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Devboxes), NodeRuntime.runMain)
