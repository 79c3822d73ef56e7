/**
 * The command line `devbox`: its commands, and the way from words to an exit status. What a command does is in
 * `internal/cli`, one file each; nothing here knows a backend.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import type * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { readFileSync } from "node:fs"
import { constants } from "node:os"
import { prepare, type Prepared, valued } from "./internal/cli/argv.ts"
import { cp } from "./internal/cli/cp.ts"
import { create } from "./internal/cli/create.ts"
import { doctor } from "./internal/cli/doctor.ts"
import type { CommandStatus, OutputClosed } from "./internal/cli/errors.ts"
import { exec } from "./internal/cli/exec.ts"
import { globalFlags } from "./internal/cli/flags.ts"
import { gc } from "./internal/cli/gc.ts"
import { info } from "./internal/cli/info.ts"
import { keepAlive, resume, suspend } from "./internal/cli/lifecycle.ts"
import { list } from "./internal/cli/list.ts"
import { logs } from "./internal/cli/logs.ts"
import { sshKey, tunnel } from "./internal/cli/network.ts"
import * as Out from "./internal/cli/out.ts"
import * as Render from "./internal/cli/renderError.ts"
import { rm } from "./internal/cli/rm.ts"
import { run as runOnce } from "./internal/cli/run.ts"
import { serve } from "./internal/cli/serve.ts"
import { shell } from "./internal/cli/shell.ts"
import { die, type Ending, listen } from "./internal/cli/signals.ts"
import { fork, snapshot } from "./internal/cli/snapshot.ts"
import { ssh } from "./internal/cli/ssh.ts"

const builtIns: ReadonlyArray<GlobalFlag.BuiltIn> = [
  GlobalFlag.Help,
  GlobalFlag.Version,
  GlobalFlag.Completions,
  GlobalFlag.LogLevel
]

/** Every command. */
export const root = Command.make("devbox").pipe(
  Command.withDescription("Devboxes: isolated machines for commands, files, snapshots and ports."),
  Command.withSubcommands([
    { group: "Devboxes", commands: [create, list, info, rm, suspend, resume, keepAlive, snapshot, fork] },
    { group: "Inside", commands: [exec, shell, runOnce, cp, logs] },
    { group: "Ways in", commands: [ssh, sshKey, tunnel] },
    { group: "This machine", commands: [serve, doctor, gc] }
  ]),
  Command.withGlobalFlags(globalFlags)
)

/** The version of the package. */
export const version = (): string =>
  (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string })
    .version

/** The flags that take the next word as their value: those of every command, and those of one. */
const takesValue = (() => {
  const flags = Object.fromEntries([...builtIns, ...globalFlags].map(({ flag }, index) => [index, flag]))
  const everywhere = valued(Completions.fromCommand(Command.make("devbox", flags)))
  const { subcommands } = Completions.fromCommand(root)
  return (verb: string | undefined): ReadonlySet<string> => {
    const command = subcommands.find(({ name }) => name === verb)
    return command === undefined ? everywhere : new Set([...everywhere, ...valued(command)])
  }
})()

type Failure = Render.Known | CommandStatus | OutputClosed | CliError.CliError

/** What is wrong with the words, and where to read on; the help itself only for who asks. */
const presenter = (json: boolean): CliOutput.Presenter => {
  const { bold, red } = Out.styles("stderr")
  return {
    present: (event) => {
      const formatter = CliOutput.defaultFormatter({
        colors: Out.hasColours("stdout"),
        // A command's help is about the command; what stands with every command is said once.
        globalFlags: event._tag === "Help" && event.commandPath.length > 1 ? "summary" : "full"
      })
      switch (event._tag) {
        case "Help":
          return Effect.ignore(Out.print(formatter.formatHelpDoc(event.helpDoc)))
        case "Version":
          return Effect.ignore(Out.print(`${event.name} ${event.version}`))
        case "InvalidInvocation": {
          const message = event.errors.map((error) => error.message).join("\n")
          const hint = `\`${event.commandPath.join(" ")} --help\` shows how it is used.`
          const rendered = { tag: "UsageError", message, hint, exitCode: Render.exitCodes.usage }
          return Out.say(json ? Render.forMachines(rendered) : `${bold(red("devbox:"))} ${message}\n  ${hint}`)
        }
      }
    }
  }
}

/** A closed pipe ends a program as SIGPIPE does. */
const sigpipe = 128 + constants.signals.SIGPIPE

/** Says what went wrong, and gives the exit status for it. */
const report = (cause: Cause.Cause<Failure>, { json, passesStatus }: Prepared): Effect.Effect<number> => {
  const failure = cause.reasons.find(Cause.isFailReason)?.error
  const say = (rendered: Render.Rendered) => {
    const own = passesStatus
      ? rendered.exitCode === Render.exitCodes.timeout
        ? Render.exitCodes.commandTimeout
        : Render.exitCodes.ownFailure
      : rendered.exitCode
    const shown = { ...rendered, exitCode: own }
    return Effect.as(Out.say(json ? Render.forMachines(shown) : Render.forPeople(shown)), own)
  }
  if (failure === undefined) return say(Render.renderDefect(Cause.squash(cause)))
  switch (failure._tag) {
    case "CommandStatus":
      return Effect.succeed(failure.exitCode)
    case "OutputClosed":
      return Effect.succeed(sigpipe)
    case "ShowHelp":
      // Was shown by the presenter; without errors it was asked for.
      return Effect.succeed(
        failure.errors.length === 0 ? 0 : passesStatus ? Render.exitCodes.ownFailure : Render.exitCodes.usage
      )
    default:
      return say(isKnown(failure) ? Render.render(failure) : Render.renderDefect(failure))
  }
}

const isKnown = (failure: Failure): failure is Render.Known => Render.isKnown(failure._tag)

/** Remarks of the library, such as that a devbox is not isolated, go to stderr in the words they have. */
const remarks = Logger.layer([
  Logger.make(({ logLevel, message }) => {
    const { yellow } = Out.styles("stderr")
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    process.stderr.write(`${yellow(`${logLevel.toLowerCase()}:`)} ${Out.harmless(text)}\n`)
  })
])

/** Runs a command line; gives the exit status. */
export const run = (words: ReadonlyArray<string>): Effect.Effect<number> => {
  const prepared = prepare(words, takesValue)
  return Command.runWith(root, { version: version() })(prepared.argv).pipe(
    Effect.as(0),
    Effect.catchCause((cause: Cause.Cause<Failure>) =>
      Cause.hasInterruptsOnly(cause) ? Effect.interrupt : report(cause, prepared)
    ),
    Effect.provide(
      Layer.mergeAll(
        NodeServices.layer,
        CliConfig.layer({ builtIns }),
        CliOutput.layerPresenter(presenter(prepared.json)),
        remarks
      )
    )
  )
}

/** What a shell calls the end by Ctrl-C. */
const sigint = 128 + constants.signals.SIGINT

/** The program. The first signal that no command inside takes ends it, after it has cleaned up, by that signal. */
export const main = (words: ReadonlyArray<string>): void => {
  const alive = setInterval(() => {}, 2_147_483_647)
  const fiber = Effect.runFork(run(words))
  let signal: Ending | undefined
  const { interrupted } = listen((given) => {
    if (signal !== undefined) process.stderr.write("devbox: cleaning up\n")
    signal ??= given
    fiber.interruptUnsafe()
  })
  fiber.addObserver((exit) => {
    clearInterval(alive)
    const exitCode = Exit.isSuccess(exit) ? exit.value : sigint
    // The command inside died of the Ctrl-C that was meant for it: so do we, as it would have here.
    if (signal === undefined && interrupted() && exitCode === sigint) signal = "SIGINT"
    if (signal === undefined) process.exit(exitCode)
    die(signal)
  })
}
