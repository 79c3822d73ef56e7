/** Starting commands: written down before they start, so that one id is one command, and followed to their end. */
import type { StartExecution } from "@effect-devbox/core/DevboxBackend"
import { ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import type { ExecutionInfo } from "@effect-devbox/core/Execution"
import * as os from "node:os"
import { BoxClosedError, ExecStartError } from "../sandbox/errors.ts"
import type { BoxExecution, ExecDone } from "../sandbox/types.ts"
import {
  completeExecution,
  deleteExecution,
  type ExecutionRow,
  getExecution,
  insertExecution,
  nameSignal
} from "../store/executions.ts"
import { touch } from "./clock.ts"
import { connect, type Engine, type Followed, inBackground, type Live, rowOf, running } from "./engine.ts"
import { invalid } from "./errors.ts"
import { toExecutionInfo } from "./info.ts"
import { recordEnd } from "./record.ts"

/** The row of an execution, or the error that it does not exist. */
export const executionRow = (engine: Engine, id: string, executionId: string): ExecutionRow => {
  const row = getExecution(engine.db, id, executionId)
  if (row !== undefined) return row
  rowOf(engine, id)
  throw new ResourceNotFound({ resource: "execution", id: executionId })
}

/** A command as the log keeps it: for people, so no longer than they read. */
const commandText = (command: string | ReadonlyArray<string>): string =>
  (typeof command === "string" ? command : command.join(" ")).slice(0, 4096)

const signals = os.constants.signals as Readonly<Record<string, number>>

/** The name of the signal that ended a command, when it is one that we sent: a shell's 137 alone proves nothing. */
const signalOf = (followed: Followed, done: ExecDone): string | undefined =>
  followed.signalled !== undefined && done.code === 128 + (signals[followed.signalled] ?? 0)
    ? followed.signalled
    : undefined

/** Writes the end of an execution down, whatever it is. */
const follow = (engine: Engine, live: Live, params: StartExecution, execution: BoxExecution): void => {
  const devboxId = live.box.id
  const { commandId: id, shell } = params
  const record = (done: ExecDone) => {
    if (shell !== undefined) {
      if (done.shellFresh && live.deadShells.delete(shell)) live.afterDeath.add(id)
      if (done.shellDied) live.deadShells.add(shell)
    }
    const signal = signalOf(followed, done)
    const first = recordEnd(engine.db, devboxId, id, done, signal)
    // The holder of a detached box was faster, and does not know who sent which signal.
    if (!first && signal !== undefined) nameSignal(engine.db, devboxId, id, signal)
  }
  const giveUp = (error: unknown) => {
    // It goes on without this process, or its holder knows how it ended.
    if (!live.owned && error instanceof BoxClosedError) return
    const lengths = live.box.journal.lengths(id) ?? { stdout: 0, stderr: 0 }
    completeExecution(engine.db, devboxId, id, {
      failureReason: error instanceof ExecStartError ? "shell_died" : "devbox_ended",
      stdoutBytes: lengths.stdout,
      stderrBytes: lengths.stderr
    })
  }
  const over = execution.done
    .then(record, giveUp)
    // A database that cannot be written must not keep anybody waiting; the next sweep completes what is open.
    .catch(() => {})
    .then(() => {
      live.followed.delete(id)
      touch(engine, devboxId)
      engine.news.changed(devboxId)
    })
  const followed: Followed = { execution, over }
  live.followed.set(id, followed)
  inBackground(engine, over)
}

/** Starts a command in a box, and gives its row when there was none; `source` says who wanted it. */
export const launch = async (
  engine: Engine,
  live: Live,
  params: StartExecution,
  source: ExecutionRow["source"] = "exec"
): Promise<ExecutionRow | undefined> => {
  const devboxId = live.box.id
  if (live.online !== undefined) await live.online
  const row = insertExecution(engine.db, {
    devbox_id: devboxId,
    id: params.commandId,
    source,
    command: commandText(params.command),
    shell_name: params.shell ?? null,
    attach_stdin: params.attachStdin === true ? 1 : 0
  })
  if (row === undefined) return undefined
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
  touch(engine, devboxId)
  follow(engine, live, params, execution)
  // A command for a shell that is busy starts later.
  if (params.shell === undefined) await started
  else started.catch(() => {})
  return row
}

const check = (params: StartExecution): void => {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(params.commandId)) {
    throw invalid("exec", "a command id has 1 to 64 letters, digits, - and _; leave it out to get one")
  }
  if (params.shell !== undefined && (params.shell === "" || params.shell.length > 256 || params.shell.includes("\0"))) {
    throw invalid("exec", "a shell's name has 1 to 256 characters and no NUL")
  }
}

/** How long it takes at most until a command that was written down is in a holder's hands, or is known to be in nobody's. */
const inDoubt = 5000

/**
 * Whether a command that is written down as running is in nobody's hands: the process that wrote it died before it could send it,
 * and the holder forgets it. Until that is known it is not said to run.
 */
const isLost = async (engine: Engine, row: ExecutionRow): Promise<boolean> => {
  const devbox = rowOf(engine, row.devbox_id)
  const isKnown = () => engine.live.get(devbox.id)?.box.adopt(row.id) !== undefined
  if (row.status !== "running" || row.shell_name !== null || devbox.detached === 0 || isKnown()) return false
  await connect(engine, devbox).catch(() => undefined)
  const look = () => {
    const now = getExecution(engine.db, devbox.id, row.id)
    return now === undefined ? "lost" : now.status !== "running" || isKnown() ? "found" : undefined
  }
  return (await engine.news.until(devbox.id, look, { foreign: true, millis: inDoubt })) === "lost"
}

/** Starts a command, or finds the one with this id. */
export const startExecution = async (engine: Engine, id: DevboxId, params: StartExecution): Promise<ExecutionInfo> => {
  check(params)
  const before = getExecution(engine.db, id, params.commandId)
  if (before === undefined || (await isLost(engine, before))) {
    const { live } = await running(engine, id)
    const row = await launch(engine, live, params)
    if (row !== undefined) return toExecutionInfo(engine, row)
  }
  return toExecutionInfo(engine, executionRow(engine, id, params.commandId))
}
