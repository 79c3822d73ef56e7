/** The rows of executions. An execution is written down before it is started, so that one id is one command. */
import type { Database } from "./database.ts"

/** An execution as it is written down. The byte counts are known when it is completed. */
export interface ExecutionRow {
  readonly devbox_id: string
  readonly id: string
  readonly source: "exec" | "setup_commands" | "entrypoint"
  readonly command: string
  readonly shell_name: string | null
  readonly attach_stdin: 0 | 1
  readonly status: "running" | "completed"
  readonly exit_status: number | null
  readonly signal: string | null
  readonly failure_reason: string | null
  readonly stdout_bytes: number | null
  readonly stderr_bytes: number | null
  readonly start_time_ms: number
  readonly end_time_ms: number | null
}

/** How an execution ended. */
export interface ExecutionOutcome {
  readonly exitStatus?: number | undefined
  readonly signal?: string | undefined
  readonly failureReason?: string | undefined
  readonly stdoutBytes: number
  readonly stderrBytes: number
}

/** Writes down an execution that is about to start; `undefined` when there is one with this id. */
export const insertExecution = (
  db: Database,
  row: Pick<ExecutionRow, "devbox_id" | "id" | "source" | "command" | "shell_name" | "attach_stdin">
): ExecutionRow | undefined => {
  const start_time_ms = Date.now()
  const { changes } = db
    .statement(
      `insert or ignore into executions (devbox_id, id, source, command, shell_name, attach_stdin, status, start_time_ms)
       values (?, ?, ?, ?, ?, ?, 'running', ?)`
    )
    .run(row.devbox_id, row.id, row.source, row.command, row.shell_name, row.attach_stdin, start_time_ms)
  if (changes !== 1) return undefined
  const open = { exit_status: null, signal: null, failure_reason: null, stdout_bytes: null, stderr_bytes: null }
  return { ...row, ...open, status: "running", start_time_ms, end_time_ms: null }
}

/** Takes back an execution that was written down and then could not be started. */
export const deleteExecution = (db: Database, devboxId: string, id: string): void => {
  db.statement("delete from executions where devbox_id = ? and id = ? and status = 'running'").run(devboxId, id)
}

/** One execution. */
export const getExecution = (db: Database, devboxId: string, id: string): ExecutionRow | undefined =>
  db.first("select * from executions where devbox_id = ? and id = ?", devboxId, id)

/** Writes down how an execution ended; a second ending changes nothing. */
export const completeExecution = (db: Database, devboxId: string, id: string, outcome: ExecutionOutcome): boolean =>
  db
    .statement(
      `update executions set status = 'completed', exit_status = ?, signal = ?, failure_reason = ?, stdout_bytes = ?,
         stderr_bytes = ?, end_time_ms = ? where devbox_id = ? and id = ? and status <> 'completed'`
    )
    .run(
      outcome.exitStatus ?? null,
      outcome.signal ?? null,
      outcome.failureReason ?? null,
      outcome.stdoutBytes,
      outcome.stderrBytes,
      Date.now(),
      devboxId,
      id
    ).changes === 1

/** Names the signal that ended an execution, when its end was written down by somebody who did not know. */
export const nameSignal = (db: Database, devboxId: string, id: string, signal: string): void => {
  db.statement("update executions set signal = ? where devbox_id = ? and id = ? and signal is null").run(
    signal,
    devboxId,
    id
  )
}

/** The executions of a devbox that have not ended as far as anybody wrote down. */
export const openExecutionsOf = (db: Database, devboxId: string): ReadonlyArray<ExecutionRow> =>
  db.all("select * from executions where devbox_id = ? and status <> 'completed'", devboxId)

/** The executions of a devbox, oldest first. */
export const listExecutions = (
  db: Database,
  devboxId: string,
  filter: { readonly executionId?: string | undefined; readonly shellName?: string | undefined } = {}
): ReadonlyArray<ExecutionRow> =>
  db.all(
    `select * from executions where devbox_id = ? and id = coalesce(?, id) and shell_name is coalesce(?, shell_name)
       order by start_time_ms, id`,
    devboxId,
    filter.executionId ?? null,
    filter.shellName ?? null
  )
