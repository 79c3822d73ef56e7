/** The end of a command and what comes after it, written down by whoever has its box: this process, or a holder. */
import type { Channel } from "../journal/types.ts"
import type { ExecDone } from "../sandbox/types.ts"
import type { Database } from "../store/database.ts"
import { completeExecution, getExecution } from "../store/executions.ts"
import { appendLogs } from "../store/logs.ts"

const outOfMemory = "the devbox had no memory left, and the kernel ended one of its processes while this command ran"

/** Whether this was the first to say so. */
export const recordEnd = (db: Database, devboxId: string, id: string, done: ExecDone, signal?: string): boolean => {
  const cause = done.outOfMemory === "cause"
  const first = completeExecution(db, devboxId, id, {
    exitStatus: done.code,
    signal: signal ?? (cause && done.code === 137 ? "SIGKILL" : undefined),
    failureReason: cause ? "out_of_memory" : done.shellDied ? "shell_died" : undefined,
    stdoutBytes: done.stdoutBytes,
    stderrBytes: done.stderrBytes
  })
  if (first && done.outOfMemory !== "no") {
    appendLogs(db, devboxId, [{ level: "error", source: "exec", message: outOfMemory, cmd_id: id }])
  }
  return first
}

/** Output that background children of a command print when its own has ended goes to the log of the devbox. */
export const recordLate = (db: Database, devboxId: string, id: string, channel: Channel, text: string): void => {
  try {
    const source = getExecution(db, devboxId, id)?.source
    const message = text.replace(/\n$/, "")
    // Commands of the backend's own have no row, and nothing to say here.
    if (source === undefined || message === "") return
    appendLogs(db, devboxId, [{ level: channel === "stdout" ? "info" : "error", source, message, cmd_id: id }])
  } catch {
    // A database that cannot be written must not end the process that has the boxes.
  }
}
