/** The end of a command, written down by whoever sees it first: its owner, or a holder for whoever comes later. */
import type { ExecDone } from "../sandbox/types.ts"
import type { Database } from "../store/database.ts"
import { completeExecution } from "../store/executions.ts"
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
