/** Every error is in the type: caught by its tag, retried when it may be, and readable when it reaches a person. */
import { Devbox, DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schedule } from "effect"

const program = Effect.gen(function* () {
  const devbox = yield* Devbox.create()

  // The exit code is data; `execOrFail` makes it an error for those who want one.
  const failed = yield* Effect.flip(devbox.cmd.execOrFail("echo no such luck >&2; exit 3"))
  yield* Console.log(
    failed._tag === "CommandFailed" ? `exit status ${failed.exitCode}: ${failed.stderr.trim()}` : failed
  )

  // Errors that mean different things have different tags.
  const missing = yield* devbox.file
    .read("notes.txt")
    .pipe(Effect.catchTag("FileError", ({ kind, path }) => Effect.succeed(`${path}: ${kind}`)))
  yield* Console.log(missing)

  // A deadline ends the command, everything it started, and then says so.
  const slow = yield* Effect.flip(devbox.cmd.exec("sleep 1000", { timeout: "200 millis" }))
  yield* Console.log(`${slow._tag} after the command was ended`)

  // What is flaky outside of the backend's contract is yours to retry, with Effect's own schedules.
  const flaky = devbox.cmd.execOrFail('n=$(cat tries 2>/dev/null || echo 0); echo $((n + 1)) > tries; [ "$n" -ge 2 ]')
  yield* Effect.retry(flaky, Schedule.exponential("10 millis").pipe(Schedule.upTo({ times: 5 })))
  yield* Console.log(`worked at try ${(yield* devbox.file.read("tries")).trim()}`)

  // What a backend does not have is refused before anything happens, by name.
  const unsupported = yield* Devbox.create({ gateways: { API: { gateway: "g", secret: "s" } } }).pipe(
    Effect.as("it does"),
    Effect.catchReason("BackendError", "UnsupportedError", ({ detail }) => Effect.succeed(detail))
  )
  yield* Console.log(unsupported)
}).pipe(Effect.scoped)

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Devboxes), NodeRuntime.runMain)
