/** The log of a devbox: the start and end of each command, and what its setup said. */
import { type DevboxId, LogEntry } from "@effect-devbox/core/DevboxModel"
import type { ExecutionId } from "@effect-devbox/core/Execution"
import { listExecutions } from "../store/executions.ts"
import { listLogs } from "../store/logs.ts"
import { type Engine, rowOf } from "./engine.ts"

/** What happened in a devbox: its commands, and what its setup said. */
export const logs = (
  engine: Engine,
  id: DevboxId,
  filter: { readonly executionId?: ExecutionId | undefined; readonly shellName?: string | undefined } = {}
): ReadonlyArray<LogEntry> => {
  rowOf(engine, id)
  const entries: Array<LogEntry> = []
  for (const row of listExecutions(engine.db, id, filter)) {
    const source = row.source === "exec" ? "exec" : row.source
    const of = { source, cmdId: row.id, ...(row.shell_name === null ? {} : { shellName: row.shell_name }) } as const
    entries.push(new LogEntry({ ...of, level: "info", timestampMs: row.start_time_ms, cmd: row.command }))
    if (row.end_time_ms === null) continue
    const exit = row.exit_status
    entries.push(
      new LogEntry({
        ...of,
        level: exit === 0 ? "info" : "error",
        timestampMs: row.end_time_ms,
        ...(exit === null ? { message: `ended without an exit status: ${row.failure_reason}` } : { exitCode: exit })
      })
    )
  }
  if (filter.shellName === undefined) {
    for (const row of listLogs(engine.db, id)) {
      if (filter.executionId !== undefined && row.cmd_id !== filter.executionId) continue
      entries.push(
        new LogEntry({
          level: row.level,
          source: row.source as LogEntry["source"],
          timestampMs: row.time_ms,
          ...(row.message === null ? {} : { message: row.message }),
          ...(row.cmd_id === null ? {} : { cmdId: row.cmd_id })
        })
      )
    }
  }
  return entries.sort((a, b) => a.timestampMs - b.timestampMs)
}
