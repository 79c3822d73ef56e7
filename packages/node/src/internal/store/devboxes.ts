/** The rows of devboxes and of the steps of their lives. A row never leaves a final status, whoever writes late. */
import type { Database } from "./database.ts"

/** A devbox as it is written down; `request`, `metadata` and `limits` are JSON. */
export interface DevboxRow {
  readonly id: string
  readonly tenant: string | null
  readonly owner_id: string
  readonly detached: 0 | 1
  readonly status: string
  readonly name: string | null
  readonly metadata: string
  readonly request: string
  readonly blueprint_id: string | null
  readonly snapshot_id: string | null
  readonly isolation: string | null
  readonly network: string | null
  readonly limits: string | null
  readonly base: string | null
  readonly create_time_ms: number
  readonly running_since_ms: number | null
  readonly active_ms: number
  readonly expires_at_ms: number | null
  readonly end_time_ms: number | null
  readonly failure_reason: string | null
  readonly shutdown_reason: string | null
}

/** A step in the life of a devbox. */
export interface TransitionRow {
  readonly status: string
  readonly time_ms: number
  readonly failure_reason: string | null
}

/** What a transition may write besides the status. */
export interface TransitionFacts {
  readonly failureReason?: string | undefined
  /** For people; goes into the transition only. */
  readonly detail?: string | undefined
  readonly shutdownReason?: string | undefined
  /** The transition takes place only while this owner still has the box. */
  readonly ifOwner?: string | undefined
  /** The transition takes place only from this status, and only while nobody wishes the end of the devbox. */
  readonly ifStatus?: string | undefined
  /** Who has the box from now on. */
  readonly toOwner?: string | undefined
}

/** Final statuses are never left. */
export const isFinal = (status: string): boolean => status === "shutdown" || status === "failure"

const insertTransition = (db: Database, id: string, status: string, now: number, detail: string | undefined) => {
  db.statement(
    `insert into state_transitions (devbox_id, position, status, time_ms, failure_reason)
     select :id, coalesce(max(position) + 1, 0), :status, :now, :detail from state_transitions where devbox_id = :id`
  ).run({ id, status, now, detail: detail ?? null })
}

/** Writes down a devbox in its first status. */
export const insertDevbox = (
  db: Database,
  row: Pick<DevboxRow, "id" | "owner_id" | "detached" | "status" | "name" | "metadata" | "request" | "create_time_ms"> &
    Partial<Pick<DevboxRow, "tenant" | "isolation" | "network" | "limits" | "blueprint_id" | "snapshot_id">>
): void =>
  db.transaction(() => {
    db.statement(
      `insert into devboxes (id, tenant, owner_id, detached, status, name, metadata, request, create_time_ms,
         blueprint_id, snapshot_id, isolation, network, limits)
       values (:id, :tenant, :owner_id, :detached, :status, :name, :metadata, :request, :create_time_ms,
         :blueprint_id, :snapshot_id, :isolation, :network, :limits)`
    ).run({ tenant: null, blueprint_id: null, snapshot_id: null, isolation: null, network: null, limits: null, ...row })
    insertTransition(db, row.id, row.status, row.create_time_ms, undefined)
  })

/** One devbox. */
export const getDevbox = (db: Database, id: string): DevboxRow | undefined =>
  db.first("select * from devboxes where id = ?", id)

/** The steps of a devbox's life, oldest first. */
export const getTransitions = (db: Database, id: string): ReadonlyArray<TransitionRow> =>
  db.all("select status, time_ms, failure_reason from state_transitions where devbox_id = ? order by position", id)

/** A page of devboxes, newest first, at most `limit`; ids grow with time. */
export const listDevboxes = (
  db: Database,
  query: {
    readonly limit: number
    readonly startingAfter?: string | undefined
    readonly status?: string | undefined
    readonly metadata?: Readonly<Record<string, string>> | undefined
  }
): ReadonlyArray<DevboxRow> => {
  const where: Array<string> = []
  const values: Array<string | number> = []
  const add = (condition: string, ...given: ReadonlyArray<string>) => {
    where.push(condition)
    values.push(...given)
  }
  if (query.startingAfter !== undefined) add("id < ?", query.startingAfter)
  if (query.status !== undefined) add("status = ?", query.status)
  for (const [key, value] of Object.entries(query.metadata ?? {})) {
    add("exists (select 1 from json_each(metadata) as m where m.key = ? and m.value = ?)", key, value)
  }
  const filter = where.length === 0 ? "" : `where ${where.join(" and ")}`
  return db.all(`select * from devboxes ${filter} order by id desc limit ?`, ...values, query.limit)
}

/** Changes what the user may change; what is absent stays. */
export const updateDevbox = (
  db: Database,
  id: string,
  change: { readonly name?: string | null | undefined; readonly metadata?: string | undefined }
): void => {
  if (change.name !== undefined) db.statement("update devboxes set name = ? where id = ?").run(change.name, id)
  if (change.metadata !== undefined)
    db.statement("update devboxes set metadata = ? where id = ?").run(change.metadata, id)
}

/**
 * Takes a devbox to a status and says whether that happened: not when its status is final, or its owner another. Keeps the
 * clock of active time: it runs while the status is `running`.
 */
export const transition = (db: Database, id: string, status: string, facts: TransitionFacts = {}): boolean =>
  db.transaction(() => {
    const now = Date.now()
    const done = db
      .statement(
        `update devboxes set status = :status,
           active_ms = active_ms + case when running_since_ms is null then 0 else :now - running_since_ms end,
           running_since_ms = case when :status = 'running' then :now end,
           end_time_ms = case when :final then :now end,
           failure_reason = coalesce(:failure, failure_reason),
           shutdown_reason = coalesce(shutdown_reason, :shutdown),
           owner_id = coalesce(:heir, owner_id)
         where id = :id and status not in ('shutdown', 'failure') and status <> :status
           and (:owner is null or owner_id = :owner)
           and (:from is null or (status = :from and shutdown_reason is null))`
      )
      .run({
        id,
        status,
        now,
        final: isFinal(status) ? 1 : 0,
        failure: facts.failureReason ?? null,
        shutdown: facts.shutdownReason ?? null,
        owner: facts.ifOwner ?? null,
        from: facts.ifStatus ?? null,
        heir: facts.toOwner ?? null
      })
    if (done.changes === 0) return false
    insertTransition(db, id, status, now, facts.detail ?? facts.failureReason)
    return true
  })

const starting = "id = ? and owner_id = ? and status not in ('shutdown', 'failure', 'suspended')"

/** Whether an owner starts a devbox, or has it running: after its death others may have found it ended or suspended, or have taken it. */
export const isStarting = (db: Database, id: string, owner: string): boolean =>
  db.first(`select 1 from devboxes where ${starting}`, id, owner) !== undefined

/** Hands a devbox to another owner, if it {@link isStarting}. */
export const handOver = (db: Database, id: string, from: string, to: string): boolean =>
  db.statement(`update devboxes set owner_id = ? where ${starting}`).run(to, id, from).changes === 1

/** Writes down that the end of a devbox is wanted, and why, before it comes: then its end is no failure. The first reason stays. */
export const wishEnd = (db: Database, id: string, reason: string): void => {
  db.statement(
    `update devboxes set shutdown_reason = coalesce(shutdown_reason, ?)
       where id = ? and status not in ('shutdown', 'failure')`
  ).run(reason, id)
}

/** Writes down when a devbox expires. */
export const setExpiry = (db: Database, id: string, expiresAtMs: number | null): void => {
  db.statement("update devboxes set expires_at_ms = ? where id = ?").run(expiresAtMs, id)
}

/** Writes down the system that a devbox was made from. */
export const setBase = (db: Database, id: string, base: string): void => {
  db.statement("update devboxes set base = ? where id = ?").run(base, id)
}

/** The devboxes of an owner that have not ended. */
export const openDevboxesOf = (db: Database, ownerId: string): ReadonlyArray<DevboxRow> =>
  db.all("select * from devboxes where owner_id = ? and status not in ('shutdown', 'failure')", ownerId)

/** The detached devboxes that ended at a time or after it. */
export const detachedEndedSince = (db: Database, timeMs: number): ReadonlyArray<DevboxRow> =>
  db.all("select * from devboxes where detached = 1 and status in ('shutdown', 'failure') and end_time_ms >= ?", timeMs)

/** Forgets devboxes that ended before a time, with everything that hangs on them, and owners that nothing refers to. */
export const forgetEnded = (db: Database, endedBeforeMs: number): number =>
  db.transaction(() => {
    const gone = db
      .statement("delete from devboxes where status in ('shutdown', 'failure') and end_time_ms < ?")
      .run(endedBeforeMs)
    db.statement(
      `delete from owners where end_time_ms < ? and id not in (select owner_id from devboxes)
         and id not in (select owner_id from snapshots)`
    ).run(endedBeforeMs)
    return Number(gone.changes)
  })
