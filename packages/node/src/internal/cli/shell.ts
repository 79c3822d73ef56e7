/** `devbox shell`: an interactive terminal in a devbox. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { attach, withDevboxes } from "./backend.ts"
import { exitWith } from "./execute.ts"
import * as Flags from "./flags.ts"
import { openTerminal } from "./terminal.ts"

/** The command. */
export const shell = Command.make(
  "shell",
  {
    cwd: Flags.text("cwd", "DIR", "The folder to start in; default: the home folder"),
    env: Flags.env,
    devbox: Flags.devbox
  },
  (input) =>
    withDevboxes((devboxes) =>
      Effect.gen(function* () {
        const { cwd, env } = Flags.given(input)
        const devbox = yield* attach(devboxes, input.devbox)
        yield* Effect.flatMap(openTerminal(devboxes, devbox, { cwd, env }), exitWith)
      })
    )
).pipe(
  Command.withShortDescription("Open a shell in a devbox"),
  Command.withDescription(
    "Opens an interactive login shell in a terminal of the devbox. It ends with `exit` or Ctrl-D, and with it what runs in it; the exit status is the shell's."
  ),
  Command.withExamples([{ command: "devbox shell my-box", description: "A shell; `exit` leaves it" }])
)
