/**
 * Work that survives its program: a detached devbox goes on when the program that made it is killed, and the next run finds it
 * by its metadata, takes the command up where it stands, and reads its output from the first byte.
 */
import { Devbox, DevboxService, ExecutionId } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Option, Stream } from "effect"

const job = { job: "nightly" }
/** The same id is the same command, however often it is started. */
const commandId = ExecutionId.make("nightly-count")

const findOrCreate = Effect.gen(function* () {
  const found = yield* Devbox.list({ metadata: job }).pipe(
    Stream.filter(({ status }) => status === "running" || status === "suspended"),
    Stream.runHead
  )
  if (Option.isNone(found)) return yield* Devbox.createDetached({ metadata: job })
  yield* Console.log("found the devbox of the run before")
  return yield* Devbox.attach(found.value.id, { autoResume: true })
})

const program = Effect.gen(function* () {
  const devbox = yield* findOrCreate
  const counting = yield* devbox.cmd.execDetached('for i in 1 2 3; do echo "step $i"; sleep 0.3; done', { commandId })
  const lines = yield* counting.stdout.pipe(
    Stream.splitLines,
    Stream.tap((line) => (process.env["CRASH_AT"] === line ? Effect.sync(crash) : Console.log(line))),
    Stream.runCount
  )
  yield* Console.log(`${lines} steps, exit status ${(yield* counting.result).exitCode}`)
  yield* devbox.close
})

/** As the power cut does: nothing is cleaned up. */
const crash = () => process.kill(process.pid, "SIGKILL")

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Devboxes), NodeRuntime.runMain)
