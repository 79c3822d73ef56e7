/** One command in one devbox: its streams, how it ends, and how it looks from outside. */
import { defined } from "../defined.ts"
import type * as Fiber from "effect/Fiber"
import type { StartExecution } from "../../DevboxBackend.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { ExecutionInfo, type Channel, type ExecutionStatus, type Signal } from "../../Execution.ts"
import * as Changed from "./changed.ts"
import { lastLines, toText } from "./bytes.ts"
import * as Input from "./input.ts"
import * as Output from "./output.ts"
import { exitCode, type Exit, type Process } from "./process.ts"

/** How a command ended. One that ended with its devbox has no exit status. */
export type Ended = { readonly exit: Exit | undefined } & Pick<ExecutionInfo, "failureReason">

/** See above. */
export interface Execution {
  readonly params: StartExecution
  readonly devboxId: DevboxId
  readonly output: Output.OutputLog
  readonly input: Input.Input
  readonly changed: Changed.Changed
  readonly ignored: Set<Signal>
  status: ExecutionStatus
  ended: Ended | undefined
  fiber: Fiber.Fiber<unknown> | undefined
  /** What it started and left to itself. */
  readonly children: Set<Fiber.Fiber<unknown>>
  shellRestarted: boolean
  startTimeMs: number
  endTimeMs: number | undefined
  /** What else happens when it ends. */
  readonly atEnd: Array<() => void>
}

/** A command that was accepted. */
export const make = (devboxId: DevboxId, params: StartExecution, now: number): Execution => ({
  params,
  devboxId,
  output: Output.make(),
  input: Input.make(params.attachStdin !== true),
  changed: Changed.make(),
  ignored: new Set(),
  status: "queued",
  ended: undefined,
  fiber: undefined,
  children: new Set(),
  shellRestarted: false,
  startTimeMs: now,
  endTimeMs: undefined,
  atEnd: []
})

/** The command as text. */
export const commandText = (params: StartExecution): string =>
  typeof params.command === "string" ? params.command : params.command.join(" ")

/** Ends it, once: what it prints or is told afterwards goes nowhere. */
export const finish = (execution: Execution, ended: Ended, now: number): void => {
  if (execution.ended !== undefined) return
  execution.ended = ended
  execution.status = "completed"
  execution.endTimeMs = now
  execution.output.end()
  execution.input.end()
  // Interrupting a fiber that is just ending by itself does nothing.
  execution.fiber?.interruptUnsafe()
  execution.changed.notify()
  for (const then of execution.atEnd) then()
}

/** Delivers a signal; a signal that is ignored changes nothing. */
export const signal = (execution: Execution, name: Signal, now: number): void => {
  if (name === "SIGKILL" || !execution.ignored.has(name)) finish(execution, { exit: name }, now)
}

/** How it looks from outside; text comes along when it is completed. */
export const info = (execution: Execution, lines: number): ExecutionInfo => {
  const { ended, output } = execution
  const text = (channel: Channel) => (ended === undefined ? undefined : lastLines(toText(output.bytes(channel)), lines))
  const [stdout, stderr] = [text("stdout"), text("stderr")]
  return new ExecutionInfo({
    devboxId: execution.devboxId,
    executionId: execution.params.commandId,
    status: execution.status,
    stdoutBytes: output.length.stdout,
    stderrBytes: output.length.stderr,
    startTimeMs: execution.startTimeMs,
    ...defined({
      exitStatus: ended?.exit === undefined ? undefined : exitCode(ended.exit),
      signal: typeof ended?.exit === "string" ? ended.exit : undefined,
      failureReason: ended?.failureReason,
      stdout: stdout?.text,
      stderr: stderr?.text,
      stdoutTruncated: stdout?.truncated,
      stderrTruncated: stderr?.truncated,
      shellName: execution.params.shell,
      shellRestarted: execution.shellRestarted ? true : undefined,
      endTimeMs: execution.endTimeMs
    })
  })
}

/** The command as its program sees it. */
export const toProcess = (
  execution: Execution,
  surroundings: Pick<Process, "env" | "cwd" | "files" | "listen" | "terminal">,
  effects: Pick<Process, "stdout" | "stderr" | "ignore" | "background">
): Process => ({
  ...surroundings,
  ...effects,
  devboxId: execution.devboxId,
  executionId: execution.params.commandId,
  command: commandText(execution.params),
  words: typeof execution.params.command === "string" ? [] : execution.params.command,
  shell: execution.params.shell,
  stdin: execution.input.read
})
