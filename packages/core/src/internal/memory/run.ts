/** Runs commands in devboxes: finds their program, gives it its streams, and ends it with the devbox. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type { StartExecution } from "../../DevboxBackend.ts"
import type { Channel } from "../../Execution.ts"
import { fresh, type ShellState } from "./builtins.ts"
import { toBytes, toText } from "./bytes.ts"
import { log, touch } from "./devbox.ts"
import { commandText, type Execution, finish, make, toProcess } from "./execution.ts"
import * as Files from "./files.ts"
import { inShell, overlay } from "./namedShells.ts"
import { exitCode, type Program, type Tty } from "./process.ts"
import { type Command, find } from "./script.ts"
import { runText, runWords } from "./shell.ts"
import type { Box, World } from "./state.ts"

const surroundings: Readonly<Record<string, string>> = {
  HOME: Files.home,
  USER: "user",
  LOGNAME: "user",
  SHELL: "/bin/bash",
  PATH: "/usr/local/bin:/usr/bin:/bin"
}

/** How a command runs that has a terminal. */
export interface InTerminal {
  readonly terminal: Tty
  readonly show: (bytes: Uint8Array) => void
  /** What runs in place of a command. */
  readonly program: ((commands: ReadonlyArray<Command>, state: ShellState) => Program) | undefined
}

/** How long the output of a command stays open for what it left behind. */
const grace = Duration.millis(100)

const lingering = ({ children }: Execution): Effect.Effect<void> =>
  children.size === 0 ? Effect.void : Effect.ignore(Effect.timeout(Fiber.awaitAll([...children]), grace))

const begin = (
  world: World,
  box: Box,
  execution: Execution,
  state: ShellState,
  done?: () => void,
  within?: InTerminal
): void => {
  const { params } = execution
  const cwd = params.cwd === undefined ? undefined : Result.getOrElse(Files.resolve(params.cwd), () => Files.home)
  const restore = overlay(state, params.env ?? {}, cwd)
  const print = (channel: Channel) => (data: string | Uint8Array) =>
    // A copy, so that what the program does to its bytes afterwards changes nothing.
    Effect.sync(() => {
      const bytes = toBytes(data).slice()
      if (within !== undefined) within.show(bytes)
      else if (execution.ended === undefined) execution.output.write(channel, bytes)
      else late(channel, bytes)
    })
  // What a command left behind has no output to print to any more.
  const late = (channel: Channel, bytes: Uint8Array) =>
    log(world, box, {
      source: "exec",
      level: channel === "stdout" ? "info" : "error",
      cmdId: params.commandId,
      message: toText(bytes).replace(/\n$/, "")
    })
  const process = toProcess(
    execution,
    {
      env: { ...Object.fromEntries(state.exported), PWD: state.cwd },
      cwd: state.cwd,
      files: box.files,
      terminal: within?.terminal,
      listen: (port, server) =>
        Effect.sync(() => {
          box.listeners.set(port, server)
          execution.atEnd.push(() => {
            if (box.listeners.get(port) === server) box.listeners.delete(port)
          })
        })
    },
    {
      stdout: print("stdout"),
      stderr: print("stderr"),
      background: (work) =>
        Effect.sync(() => {
          const child = world.fork(work)
          execution.children.add(child)
          child.addObserver(() => execution.children.delete(child))
        }),
      ignore: (signals) => Effect.sync(() => signals.forEach((signal) => execution.ignored.add(signal)))
    }
  )
  const { commands } = world.settings
  const program =
    within?.program?.(commands, state) ??
    (typeof params.command === "string"
      ? (find(commands, process) ?? ((whole) => runText(commands, whole, state)))
      : () => runWords(commands, process, state))
  execution.status = "running"
  execution.startTimeMs = world.now()
  execution.atEnd.push(restore)
  if (done !== undefined) execution.atEnd.push(done)
  execution.fiber = world.fork(
    Effect.suspend(() => program(process)).pipe(
      Effect.matchCauseEffect({
        onSuccess: (exit) => Effect.succeed(exit),
        onFailure: (cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.interrupt
            : Effect.as(process.stderr(`memory: the scripted command failed: ${Cause.pretty(cause)}\n`), 255)
      }),
      Effect.tap(Effect.suspend(() => lingering(execution))),
      Effect.tap((exit) =>
        Effect.sync(() => {
          const shellDied = params.shell !== undefined && state.over
          finish(execution, { exit, ...(shellDied ? { failureReason: "shell_died" as const } : {}) }, world.now())
        })
      )
    )
  )
  if (execution.ended === undefined) execution.changed.notify()
}

const newShell = (world: World, box: Box): ShellState =>
  fresh(1000 + world.next(), Object.entries({ ...surroundings, ...box.params.environmentVariables }), Files.home)

/** Starts a command in a terminal: no execution of the devbox's, and nothing for its log. */
export const startInTerminal = (
  world: World,
  box: Box,
  params: StartExecution,
  within: (execution: Execution) => InTerminal
): Execution => {
  const execution = make(box.id, params, world.now())
  touch(world, box)
  box.terminals.add(execution)
  execution.atEnd.push(() => {
    touch(world, box)
    box.terminals.delete(execution)
  })
  begin(world, box, execution, newShell(world, box), undefined, within(execution))
  return execution
}

/** Starts a command. It is not one of the devbox's executions yet: launch commands never are. */
export const start = (
  world: World,
  box: Box,
  params: StartExecution,
  source: "exec" | "setup_commands" | "entrypoint"
): Execution => {
  const execution = make(box.id, params, world.now())
  const about = {
    source,
    cmd: commandText(params),
    cmdId: params.commandId,
    ...(params.shell === undefined ? {} : { shellName: params.shell })
  }
  touch(world, box)
  log(world, box, about)
  execution.atEnd.push(() => {
    touch(world, box)
    const exit = execution.ended?.exit
    log(world, box, { ...about, message: "completed", ...(exit === undefined ? {} : { exitCode: exitCode(exit) }) })
  })
  const shell = () => newShell(world, box)
  if (params.shell === undefined) begin(world, box, execution, shell())
  else inShell(box, params.shell, execution, shell, (state, done) => begin(world, box, execution, state, done))
  return execution
}

/** Ends every command: the devbox is suspended or over. */
export const endAll = (world: World, box: Box): void => {
  box.shells.clear()
  for (const execution of [...box.executions.values(), ...box.terminals]) {
    finish(execution, { exit: undefined, failureReason: "devbox_ended" }, world.now())
    for (const child of execution.children) child.interruptUnsafe()
  }
  box.listeners.clear()
}

/** Whether a command runs or waits to run. */
export const isBusy = (box: Box): boolean => {
  for (const execution of box.executions.values()) if (execution.ended === undefined) return true
  return false
}
