/** `devbox ssh`: the system's SSH client, with a key that is on disk only as long as it runs. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { attach, withDevboxes } from "./backend.ts"
import { HostError, hostError } from "./errors.ts"
import { exitWith } from "./execute.ts"
import * as Flags from "./flags.ts"
import { onInterrupt } from "./signals.ts"

/** A folder that only this user can enter, gone with the scope. */
const privateFolder = Effect.acquireRelease(
  Effect.tryPromise({
    try: () => mkdtemp(join(tmpdir(), "devbox-ssh-")),
    catch: hostError("making a folder for the key")
  }),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

/** Runs a program on this terminal; gives its exit status. Ctrl-C is its own affair. */
const run = (program: string, args: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.andThen(
      onInterrupt(() => {}),
      Effect.callback<number, HostError>((resume) => {
        const child = spawn(program, args, { stdio: "inherit" })
        child.once("error", (error) =>
          resume(
            Effect.fail(
              new HostError({
                what: `${program} cannot be run`,
                detail: error.message,
                hint: "Install an SSH client: apt-get install openssh-client. `devbox shell` needs none."
              })
            )
          )
        )
        child.once("exit", (code, signal) =>
          resume(Effect.succeed(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
        )
        return Effect.sync(() => void child.kill("SIGTERM"))
      })
    )
  )

const command = Flags.command.pipe(
  Argument.withDescription("What to run: ssh joins the words with spaces, for a shell inside. Without it, a login")
)

/** The command. */
export const ssh = Command.make("ssh", { devbox: Flags.devbox, command }, (input) =>
  withDevboxes((devboxes) =>
    Effect.scoped(
      Effect.gen(function* () {
        const devbox = yield* attach(devboxes, input.devbox)
        const { write } = yield* Effect.promise(() => import("../../SshFiles.ts"))
        const files = yield* write(devbox, yield* privateFolder)
        const words = ["-o", "LogLevel=ERROR", "-F", files.configFile, files.name]
        return yield* run("ssh", [...words, ...(input.command.length === 0 ? [] : ["--", ...input.command])])
      })
    ).pipe(Effect.flatMap(exitWith))
  )
).pipe(
  Command.withShortDescription("Log in with the system's SSH client"),
  Command.withDescription(
    "Logs in to a devbox with the system's `ssh`, or runs a command through it. The key is made for this login and is on disk, readable by you alone, only as long as it lasts. The exit status is that of ssh."
  ),
  Command.withExamples([
    { command: "devbox ssh my-box", description: "A login" },
    { command: "devbox ssh my-box uname -a", description: "A command; ssh joins its words for a shell" }
  ])
)
