/** `devbox suspend`, `resume` and `keep-alive`: the life of a devbox. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { attach, withDevboxes } from "./backend.ts"
import * as Flags from "./flags.ts"
import { devboxJson } from "./json.ts"
import { print, printJson } from "./out.ts"

const waiting = {
  noWait: Flags.toggle("no-wait", "Returns when it is accepted, not when it is done"),
  timeout: Flags.duration("timeout", "How long to wait; default 2m"),
  devbox: Flags.devbox
}

/** The command. */
export const suspend = Command.make("suspend", waiting, (input) =>
  withDevboxes((devboxes, { json }) =>
    Effect.gen(function* () {
      const { noWait, timeout } = Flags.given(input)
      const devbox = yield* attach(devboxes, input.devbox)
      const accepted = yield* devbox.suspend
      const info = noWait ? accepted : yield* devbox.awaitSuspended({ timeout })
      yield* json ? printJson(devboxJson(info)) : print(info.id)
    })
  )
).pipe(
  Command.withShortDescription("Suspend a devbox: processes end, the disk stays"),
  Command.withDescription("Suspends a devbox and waits for it: its processes end, its disk stays, it costs nothing."),
  Command.withExamples([{ command: "devbox suspend my-box", description: "Until `devbox resume`" }])
)

/** The command. */
export const resume = Command.make("resume", waiting, (input) =>
  withDevboxes((devboxes, { json }) =>
    Effect.gen(function* () {
      const { noWait, timeout } = Flags.given(input)
      const devbox = yield* attach(devboxes, input.devbox)
      const accepted = yield* devbox.resume
      const info = noWait ? accepted : yield* devbox.awaitRunning({ timeout })
      yield* json ? printJson(devboxJson(info)) : print(info.id)
    })
  )
).pipe(
  Command.withShortDescription("Resume a suspended devbox"),
  Command.withDescription("Resumes a suspended devbox and waits until it runs."),
  Command.withExamples([{ command: "devbox resume my-box", description: "As it was, without its processes" }])
)

/** The command. */
export const keepAlive = Command.make("keep-alive", { devbox: Flags.devbox }, ({ devbox: word }) =>
  withDevboxes((devboxes, { json }) =>
    Effect.gen(function* () {
      const devbox = yield* attach(devboxes, word)
      yield* devbox.keepAlive
      yield* json ? printJson({ id: devbox.id }) : print(devbox.id)
    })
  )
).pipe(
  Command.withShortDescription("Start the keep-alive time of a devbox again"),
  Command.withDescription("Starts the time that a devbox lives without a sign again."),
  Command.withExamples([
    { command: "devbox keep-alive my-box", description: "Another hour, or what it was created with" }
  ])
)
