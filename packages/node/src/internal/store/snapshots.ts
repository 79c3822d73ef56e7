/** The rows of snapshots. A row is `in_progress` as long as its owner makes it, and leaves that status once. */
import type { Database } from "./database.ts"
import { setLayers } from "./layers.ts"

/** A snapshot as it is written down; `metadata` is JSON. */
export interface SnapshotRow {
  readonly id: string
  readonly owner_id: string
  readonly source_devbox_id: string
  readonly source_blueprint_id: string | null
  readonly name: string | null
  readonly commit_message: string | null
  readonly metadata: string
  readonly status: "in_progress" | "complete" | "error" | "deleted"
  readonly error_message: string | null
  readonly method: string | null
  readonly paused_ms: number | null
  readonly base: string | null
  readonly host_fingerprint: string | null
  readonly create_time_ms: number
  /** Of all its layers, when all are measured. */
  readonly size: number | null
}

const columns = `snapshots.*,
  (select case when count(size_bytes) = count(*) then sum(size_bytes) end
     from snapshot_layers join layers on layers.id = layer_id where snapshot_id = snapshots.id) as size`

/** Writes down a snapshot that is about to be taken. */
export const insertSnapshot = (
  db: Database,
  row: Pick<
    SnapshotRow,
    | "id"
    | "owner_id"
    | "source_devbox_id"
    | "source_blueprint_id"
    | "name"
    | "commit_message"
    | "metadata"
    | "base"
    | "host_fingerprint"
  >
): void => {
  db.statement(
    `insert into snapshots (id, owner_id, source_devbox_id, source_blueprint_id, name, commit_message, metadata, status, base,
       host_fingerprint, create_time_ms)
     values (:id, :owner_id, :source_devbox_id, :source_blueprint_id, :name, :commit_message, :metadata, 'in_progress', :base,
       :host_fingerprint, :now)`
  ).run({ ...row, now: Date.now() })
}

/** One snapshot. */
export const getSnapshot = (db: Database, id: string): SnapshotRow | undefined =>
  db.first(`select ${columns} from snapshots where id = ?`, id)

/** The snapshot that is being taken of a devbox. */
export const savingOf = (db: Database, devboxId: string): SnapshotRow | undefined =>
  db.first(`select ${columns} from snapshots where source_devbox_id = ? and status = 'in_progress'`, devboxId)

/** The snapshots that somebody is taking. */
export const openSnapshotsOf = (db: Database, ownerId: string): ReadonlyArray<SnapshotRow> =>
  db.all(`select ${columns} from snapshots where owner_id = ? and status = 'in_progress'`, ownerId)

/** A page of the snapshots that are there or in progress, newest first, at most `limit`; ids grow with time. */
export const listSnapshots = (
  db: Database,
  query: {
    readonly limit: number
    readonly startingAfter?: string | undefined
    readonly devboxId?: string | undefined
    readonly metadata?: Readonly<Record<string, string>> | undefined
  }
): ReadonlyArray<SnapshotRow> => {
  const where = ["status in ('in_progress', 'complete')"]
  const values: Array<string | number> = []
  const add = (condition: string, ...given: ReadonlyArray<string>) => {
    where.push(condition)
    values.push(...given)
  }
  if (query.startingAfter !== undefined) add("id < ?", query.startingAfter)
  if (query.devboxId !== undefined) add("source_devbox_id = ?", query.devboxId)
  for (const [key, value] of Object.entries(query.metadata ?? {})) {
    add("exists (select 1 from json_each(metadata) as m where m.key = ? and m.value = ?)", key, value)
  }
  return db.all(
    `select ${columns} from snapshots where ${where.join(" and ")} order by id desc limit ?`,
    ...values,
    query.limit
  )
}

/** Changes what the user may change; what is absent stays. */
export const updateSnapshot = (
  db: Database,
  id: string,
  change: {
    readonly name?: string | undefined
    readonly metadata?: string | undefined
    readonly commitMessage?: string | undefined
  }
): void => {
  db.statement(
    `update snapshots set name = coalesce(?, name), metadata = coalesce(?, metadata),
       commit_message = coalesce(?, commit_message) where id = ?`
  ).run(change.name ?? null, change.metadata ?? null, change.commitMessage ?? null, id)
}

/** Writes down that a snapshot is whole, what it is made of, and how it was taken; unless it has failed meanwhile. */
export const completeSnapshot = (
  db: Database,
  id: string,
  result: { readonly layers: ReadonlyArray<string>; readonly method: string; readonly pausedMs: number }
): boolean =>
  db.transaction(() => {
    const done = db
      .statement(
        "update snapshots set status = 'complete', method = ?, paused_ms = ? where id = ? and status = 'in_progress'"
      )
      .run(result.method, result.pausedMs, id)
    if (done.changes === 0) return false
    setLayers(db, "snapshot", id, result.layers)
    return true
  })

/** Writes down why a snapshot could not be taken. */
export const failSnapshot = (db: Database, id: string, message: string): boolean =>
  db
    .statement(
      `update snapshots set status = 'error', error_message = ?, delete_time_ms = ?
         where id = ? and status = 'in_progress'`
    )
    .run(message, Date.now(), id).changes === 1

/** Writes down that a snapshot is deleted; what it was made of it holds no longer. */
export const deleteSnapshot = (db: Database, id: string): void =>
  db.transaction(() => {
    db.statement("update snapshots set status = 'deleted', delete_time_ms = ? where id = ?").run(Date.now(), id)
    setLayers(db, "snapshot", id, [])
  })

/** Forgets snapshots that failed or were deleted before a time. */
export const forgetSnapshots = (db: Database, beforeMs: number): void => {
  db.statement("delete from snapshots where status in ('error', 'deleted') and delete_time_ms < ?").run(beforeMs)
}
