/** The rows of notices: ends to come that were announced, at most one for each devbox. */
import type { Database } from "./database.ts"

/** A notice as it is written down. */
export interface NoticeRow {
  readonly devbox_id: string
  readonly deadline_ms: number
}

/** Announces an end, in place of what was announced before. */
export const insertNotice = (db: Database, devboxId: string, deadlineMs: number): void => {
  db.statement("insert or replace into notices (devbox_id, deadline_ms) values (?, ?)").run(devboxId, deadlineMs)
}

/** Takes a notice back. */
export const deleteNotice = (db: Database, devboxId: string): void => {
  db.statement("delete from notices where devbox_id = ?").run(devboxId)
}

/** The notices whose time is still to come. */
export const pendingNotices = (db: Database, now: number): ReadonlyArray<NoticeRow> =>
  db.all("select devbox_id, deadline_ms from notices where deadline_ms >= ? order by deadline_ms", now)
