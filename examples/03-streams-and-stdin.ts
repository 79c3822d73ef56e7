/** Output as it comes and input as it goes: a program in a devbox that is talked to while it runs. */
import { Devbox, DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Stream } from "effect"

const program = Effect.gen(function* () {
  const devbox = yield* Devbox.create()

  // Each line arrives when it is printed; a stream that breaks resumes by itself, each byte once.
  const build = yield* devbox.cmd.execAsync("for step in fetch compile link; do echo $step; done; echo done >&2")
  yield* build.output.pipe(Stream.runForEach(({ channel, text }) => Console.log(`${channel}: ${text.trim()}`)))
  yield* Console.log(`exit status ${(yield* build.result).exitCode}`)

  // Input of any size, with back-pressure; the end of the stream is the end of the input.
  const sort = yield* devbox.cmd.execAsync("sort --numeric-sort", { attachStdin: true })
  yield* Stream.run(Stream.fromIterable(["10\n", "9\n", "2\n"]), sort.stdin)
  yield* Console.log(`sorted: ${(yield* sort.result).stdout.trim().split("\n").join(" ")}`)

  // A shell that remembers where it is and what it was told.
  const shell = devbox.cmd.shell("work")
  yield* shell.exec("mkdir -p project && cd project && export STAGE=test")
  const { stdout } = yield* shell.exec('echo "$PWD $STAGE"')
  yield* Console.log(`the shell remembers: ${stdout.trim()}`)
}).pipe(Effect.scoped)

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Devboxes), NodeRuntime.runMain)
