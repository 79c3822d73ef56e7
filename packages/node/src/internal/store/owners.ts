/** The rows of owners: who runs boxes. Whether one lives is proven by its lock, see `ownerLock.ts`. */
import type { Database } from "./database.ts"

/** An owner as it is written down. */
export interface OwnerRow {
  readonly id: string
  readonly kind: "process" | "holder"
  readonly pid: number
  readonly socket: string | null
}

/** Writes down an owner that holds its lock already. */
export const insertOwner = (db: Database, owner: OwnerRow): void => {
  db.statement(
    "insert into owners (id, kind, pid, socket, start_time_ms) values (:id, :kind, :pid, :socket, :now)"
  ).run({ id: owner.id, kind: owner.kind, pid: owner.pid, socket: owner.socket, now: Date.now() })
}

/** One owner. */
export const getOwner = (db: Database, id: string): OwnerRow | undefined =>
  db.first("select id, kind, pid, socket from owners where id = ?", id)

/** The owners that have not ended as far as anybody wrote down. */
export const openOwners = (db: Database): ReadonlyArray<OwnerRow> =>
  db.all("select id, kind, pid, socket from owners where end_time_ms is null")

/** Writes down that an owner has ended. */
export const endOwner = (db: Database, id: string): void => {
  db.statement("update owners set end_time_ms = ? where id = ? and end_time_ms is null").run(Date.now(), id)
}
