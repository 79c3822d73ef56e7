/** Whose devboxes and snapshots are: an index of the stamps in their metadata. A stranger's id and no id take the same look. */
import type { Database } from "../store/database.ts"

/** What can be owned. */
export type Kind = "devbox" | "snapshot"

/** Whether it is theirs. */
export const isOwned = (db: Database, tenant: string, kind: Kind, id: string): boolean =>
  db.first("select 1 from owned where tenant = ? and kind = ? and id = ?", tenant, kind, id) !== undefined

/** Writes down whose it is. */
export const own = (db: Database, tenant: string, kind: Kind, id: string): void => {
  db.statement("insert or ignore into owned (tenant, kind, id, create_time_ms) values (?, ?, ?, ?)").run(
    tenant,
    kind,
    id,
    Date.now()
  )
}

/** Forgets what the backend has forgotten, unless it is so young that a list might not show it yet. */
export const forget = (db: Database, kind: Kind, known: ReadonlySet<string>, before: number): void =>
  db.transaction(() => {
    const rows = db.all<{ readonly tenant: string; readonly id: string }>(
      "select tenant, id from owned where kind = ? and create_time_ms < ?",
      kind,
      before
    )
    const remove = db.statement("delete from owned where tenant = ? and kind = ? and id = ?")
    for (const { id, tenant } of rows) if (!known.has(id)) remove.run(tenant, kind, id)
  })
