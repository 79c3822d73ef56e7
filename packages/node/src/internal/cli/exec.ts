/** `devbox exec`: runs a command in a devbox. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { attach, withDevboxes } from "./backend.ts"
import { UsageError } from "./errors.ts"
import { execute, exitWith, toCommand } from "./execute.ts"
import * as Flags from "./flags.ts"
import { print, printJson } from "./out.ts"
import { openTerminal } from "./terminal.ts"

/** How a command inside is run; `run` has these, too. */
export const howFlags = {
  cwd: Flags.text("cwd", "DIR", "The folder to run in; default: the home folder"),
  env: Flags.env,
  timeout: Flags.duration("timeout", "Ends the command after this time, with exit status 124"),
  noStdin: Flags.toggle("no-stdin", "Gives the command no input, for use in loops that read themselves", "n")
}

const flags = {
  ...howFlags,
  tty: Flags.toggle("tty", "Runs it in a terminal of its own, for programs such as editors and prompts", "t"),
  detach: Flags.toggle(
    "detach",
    "Starts it, prints its id, and leaves it to itself; `devbox logs` shows its output",
    "d"
  ),
  shell: Flags.text(
    "shell",
    "NAME",
    "Runs it in the persistent shell of that name: folder, variables and functions stay"
  )
}

/** The command. */
export const exec = Command.make("exec", { ...flags, devbox: Flags.devbox, command: Flags.command }, (input) =>
  withDevboxes((devboxes, { json }) =>
    Effect.gen(function* () {
      const { command, cwd, detach, env, noStdin, shell, timeout, tty } = Flags.given(input)
      if (command.length === 0) {
        return yield* new UsageError({
          detail: "there is no command to run",
          hint: "devbox exec DEVBOX ls -la, or devbox shell DEVBOX for a shell."
        })
      }
      const devbox = yield* attach(devboxes, input.devbox)
      if (tty) return yield* Effect.flatMap(openTerminal(devboxes, devbox, { command, cwd, env }), exitWith)
      if (detach) {
        const { id } = yield* devbox.cmd.execDetached(toCommand(command), { cwd, env, shell })
        return yield* json ? printJson({ devbox_id: devbox.id, execution_id: id }) : print(id)
      }
      yield* Effect.flatMap(execute(devboxes, devbox, command, { cwd, env, shell, timeout, noStdin, json }), exitWith)
    })
  )
).pipe(
  Command.withShortDescription("Run a command in a devbox"),
  Command.withDescription(
    [
      "Runs a command in a devbox as if it were here: stdin, stdout and stderr pass through byte for byte, the exit status is the command's own, and Ctrl-C goes to the command (twice ends it for good).",
      "The command begins after the devbox; `--` before it is only needed when it begins with a dash. One word is text for bash, several words are run as they are."
    ].join("\n\n")
  ),
  Command.withExamples([
    { command: "devbox exec my-box ls -la", description: "Words, run without a shell" },
    { command: "devbox exec my-box 'ls | wc -l'", description: "One word, run by bash" },
    { command: "devbox exec my-box tar x < project.tar", description: "Input from a file" },
    { command: "devbox exec -t my-box vim notes.txt", description: "In a terminal" },
    { command: "devbox exec --env TOKEN my-box ./deploy.sh", description: "A variable with the value that it has here" }
  ])
)
