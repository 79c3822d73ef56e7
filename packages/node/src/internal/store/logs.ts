/** Log lines that are not an execution's start or end: what setup commands printed, why a devbox failed. */
import type { Database } from "./database.ts"

/** A log line as it is written down. */
export interface LogRow {
  readonly level: "info" | "warn" | "error"
  readonly source: string
  readonly time_ms: number
  readonly message: string | null
  readonly cmd_id: string | null
}

/** Appends lines to the log of a devbox. */
export const appendLogs = (db: Database, devboxId: string, lines: ReadonlyArray<Omit<LogRow, "time_ms">>): void =>
  db.transaction(() => {
    const now = Date.now()
    for (const line of lines) {
      db.statement(
        `insert into logs (devbox_id, position, level, source, time_ms, message, cmd_id)
         select :devbox, coalesce(max(position) + 1, 0), :level, :source, :now, :message, :cmd_id
         from logs where devbox_id = :devbox`
      ).run({ devbox: devboxId, now, ...line })
    }
  })

/** The log lines of a devbox, oldest first. */
export const listLogs = (db: Database, devboxId: string): ReadonlyArray<LogRow> =>
  db.all("select level, source, time_ms, message, cmd_id from logs where devbox_id = ? order by position", devboxId)
