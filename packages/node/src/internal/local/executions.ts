/** Commands in a box: written down before they start, followed to their end, readable from any byte. */
import { type ExecutionId, type ExecutionInfo, type OutputCursor, type OutputEvent, type Signal, type StdinInput, type Channel } from "@effect-devbox/core/Execution"
import { ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { StartExecution } from "@effect-devbox/core/DevboxBackend"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { BoxClosedError, ExecStartError } from "../sandbox/errors.ts"
import type { ExecDone } from "../sandbox/types.ts"
import {
  completeExecution,
  deleteExecution,
  type ExecutionRow,
  getExecution as getRow,
  insertExecution
} from "../store/executions.ts"
import { changed, type Engine, type Followed, inBackground, journalOf, type Live, nextChange, rowOf, running } from "./engine.ts"
import { invalid } from "./errors.ts"
import { toExecutionInfo } from "./info.ts"
import * as os from "node:os"

/** The row of an execution, or the error that it does not exist. */
export const executionRow = (engine: Engine, id: string, executionId: string): ExecutionRow => {
  const row = getRow(engine.db, id, executionId)
  if (row !== undefined) return row
  rowOf(engine, id)
  throw new ResourceNotFound({ resource: "execution", id: executionId })
}

const words = (command: string | ReadonlyArray<string>): string =>
  typeof command === "string" ? command : command.join(" ")

const signals = os.constants.signals as Readonly<Record<string, number>>

/** The name of the signal that ended a command, when it is one that we sent: a shell's 137 alone proves nothing. */
const signalOf = (followed: Followed, done: ExecDone): string | undefined =>
  followed.signalled !== undefined && done.code === 128 + (signals[followed.signalled] ?? 0) ? followed.signalled : undefined

/** Writes the end of an execution down, whatever it is. */
const follow = (engine: Engine, live: Live, row: { readonly id: string; readonly shell: string | undefined }, execution: Followed["execution"]): Followed => {
  const devboxId = live.box.id
  const record = (done: ExecDone) => {
    if (row.shell !== undefined) {
      if (done.shellFresh && live.deadShells.delete(row.shell)) live.afterDeath.add(row.id)
      if (done.shellDied) live.deadShells.add(row.shell)
    }
    completeExecution(engine.db, devboxId, row.id, {
      exitStatus: done.code,
      signal: signalOf(followed, done),
      failureReason: done.shellDied ? "shell_died" : undefined,
      stdoutBytes: done.stdoutBytes,
      stderrBytes: done.stderrBytes
    })
  }
  const giveUp = (error: unknown) => {
    const lengths = live.box.journal.lengths(row.id) ?? { stdout: 0, stderr: 0 }
    completeExecution(engine.db, devboxId, row.id, {
      failureReason: error instanceof ExecStartError ? "shell_died" : "devbox_ended",
      stdoutBytes: lengths.stdout,
      stderrBytes: lengths.stderr
    })
  }
  const over = execution.done.then(record, giveUp).then(() => {
    live.followed.delete(row.id)
    changed(engine, devboxId)
  })
  const followed: Followed = { execution, over }
  live.followed.set(row.id, followed)
  inBackground(engine, over)
  return followed
}

/** Starts a command in a box; `source` says who wanted it. */
export const launch = async (
  engine: Engine,
  live: Live,
  params: StartExecution,
  source: ExecutionRow["source"] = "exec"
): Promise<void> => {
  const devboxId = live.box.id
  const isNew = insertExecution(engine.db, {
    devbox_id: devboxId,
    id: params.commandId,
    source,
    command: words(params.command),
    shell_name: params.shell ?? null,
    attach_stdin: params.attachStdin === true ? 1 : 0
  })
  if (!isNew) return
  const execution = live.box.exec({
    id: params.commandId,
    command: params.command,
    cwd: params.cwd,
    env: params.env,
    stdin: params.attachStdin === true,
    shellName: params.shell
  })
  const started = execution.started.catch((error: unknown) => {
    // It never ran, so the same id may be used again.
    if (error instanceof ExecStartError) deleteExecution(engine.db, devboxId, params.commandId)
    throw error
  })
  follow(engine, live, { id: params.commandId, shell: params.shell }, execution)
  // A command for a shell that is busy starts later.
  if (params.shell === undefined) await started
  else started.catch(() => {})
}

const checkStart = (params: StartExecution): void => {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(params.commandId)) {
    throw invalid("exec", "a command id has 1 to 64 letters, digits, - and _; leave it out to get one")
  }
  if (params.shell !== undefined && (params.shell === "" || params.shell.length > 256 || params.shell.includes("\0"))) {
    throw invalid("exec", "a shell's name has 1 to 256 characters and no NUL")
  }
}

/** Starts a command, or finds the one with this id. */
export const startExecution = async (engine: Engine, id: DevboxId, params: StartExecution): Promise<ExecutionInfo> => {
  checkStart(params)
  const known = getRow(engine.db, id, params.commandId)
  if (known === undefined) {
    const { live } = await running(engine, id)
    await launch(engine, live, params)
  }
  return toExecutionInfo(engine, executionRow(engine, id, params.commandId))
}

/** What is known of an execution. */
export const getExecution = (engine: Engine, id: DevboxId, executionId: ExecutionId, lines?: number): Promise<ExecutionInfo> =>
  toExecutionInfo(engine, executionRow(engine, id, executionId), lines)

/** How long a hold lasts for an execution of another process, whose end nobody tells us. */
const foreignHold = 500

/** Holds until the execution is completed or the time is over. */
export const waitForExecution = async (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  millis: number,
  lines: number | undefined,
  signal: AbortSignal
): Promise<ExecutionInfo> => {
  const row = executionRow(engine, id, executionId)
  if (row.status === "completed") return toExecutionInfo(engine, row, lines)
  const followed = engine.live.get(id)?.followed.get(executionId)
  let timer: NodeJS.Timeout | undefined
  const ended = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, followed === undefined ? Math.min(millis, foreignHold) : millis)
    signal.addEventListener("abort", () => resolve(), { once: true })
    void followed?.over.then(resolve)
  })
  await ended
  clearTimeout(timer)
  return toExecutionInfo(engine, executionRow(engine, id, executionId), lines)
}

/** One output from a byte on. Follows a running command; ends with the promised length. */
export const readOutput = async function* (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  channel: Channel,
  cursor: OutputCursor,
  signal: AbortSignal
): AsyncGenerator<OutputEvent> {
  let at = cursor[channel]
  const lengthOf = (row: ExecutionRow) => (channel === "stdout" ? row.stdout_bytes : row.stderr_bytes) ?? 0
  const { close, journal } = journalOf(engine, id)
  try {
    for (;;) {
      const row = executionRow(engine, id, executionId)
      const completed = row.status === "completed"
      const promised = completed ? lengthOf(row) : undefined
      if (promised === undefined || at < promised) {
        const chunks = journal.read(executionId, channel, { fromByte: at, follow: !completed, promised, signal })
        for await (const { bytes, end } of chunks) {
          if (end > at) yield { _tag: "Chunk", channel, bytes, start: end - bytes.length, end }
          at = Math.max(at, end)
        }
      }
      if (signal.aborted) return
      if (promised !== undefined) {
        yield { _tag: "End", [channel]: promised }
        return
      }
      // The journal is whole a moment before its end is written down.
      const followed = engine.live.get(id)?.followed.get(executionId)
      if (followed !== undefined) await Promise.race([followed.over, nextChange(engine, id, foreignHold, signal)])
      else if (executionRow(engine, id, executionId).status !== "completed") await nextChange(engine, id, foreignHold, signal)
    }
  } finally {
    close()
  }
}

const followedOf = async (engine: Engine, id: DevboxId, executionId: ExecutionId) => {
  const row = executionRow(engine, id, executionId)
  const { live } = await running(engine, id, ["initializing"])
  return { row, live, followed: live.followed.get(executionId) }
}

/** Gives bytes, the end of input or Ctrl-C to a command. */
export const sendStdin = async (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  input: StdinInput
): Promise<void> => {
  const { followed, live, row } = await followedOf(engine, id, executionId)
  if (row.status === "completed") throw invalid("sendStdin", `execution ${executionId} has ended and reads no more input`)
  if ("signal" in input && input.signal === "INTERRUPT") {
    if (followed !== undefined) followed.signalled = "SIGINT"
    await live.box.kill(executionId, { signal: "INT", group: true })
    return
  }
  const stdin = followed?.execution.stdin
  if (row.attach_stdin === 0) {
    throw invalid("sendStdin", `execution ${executionId} has no stdin; start it with attachStdin: true`)
  }
  if (stdin === undefined) {
    throw invalid("sendStdin", `the stdin of execution ${executionId} belongs to the process that started it`)
  }
  await ("bytes" in input ? stdin.write(input.bytes) : stdin.end())
}

/** How long a kill waits for the end of the command to be written down. */
const endHold = 2000

/** Signals a command; see the contract. */
export const killExecution = async (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  options: { readonly group?: boolean | undefined; readonly signal?: Signal | undefined }
): Promise<ExecutionInfo> => {
  const row = executionRow(engine, id, executionId)
  const group = options.group === true
  const over = row.status === "completed"
  const box = rowOf(engine, id)
  if (over && (!group || box.status !== "running")) return toExecutionInfo(engine, row)
  const { followed, live } = await followedOf(engine, id, executionId)
  const signal = options.signal ?? "SIGKILL"
  if (followed !== undefined) followed.signalled = signal
  await live.box.kill(executionId, { signal: signal.slice(3), group }).catch((error: unknown) => {
    // A box that ended meanwhile took the command with it.
    if (!(error instanceof BoxClosedError)) throw error
  })
  if (signal === "SIGKILL" && !over) {
    await waitForExecution(engine, id, executionId, endHold, undefined, AbortSignal.timeout(endHold))
  }
  return toExecutionInfo(engine, executionRow(engine, id, executionId))
}
