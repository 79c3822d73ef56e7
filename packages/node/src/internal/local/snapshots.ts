/**
 * Snapshots: a disk as of one instant. Where nothing of the user's runs, what was written becomes read-only and the devbox goes on
 * above it, whatever its size; otherwise it is copied while the devbox stands still. The row of a snapshot is complete only when
 * its layers are.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import type { ListQuery, Page } from "@effect-devbox/core/DevboxBackend"
import { Conflict, DevboxNotReady, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import { DevboxId, SnapshotId } from "@effect-devbox/core/DevboxModel"
import { SnapshotInfo, type SnapshotParams, SnapshotState } from "@effect-devbox/core/Snapshot"
import { setTimeout as pause } from "node:timers/promises"
import { makeLayer } from "../sandbox/layout.ts"
import { copyDisk, syncDirectory } from "../sandbox/save.ts"
import type { HostReport, Saved } from "../sandbox/types.ts"
import type { DevboxRow } from "../store/devboxes.ts"
import { finishLayer, getLayer, insertLayer, layersOf, setLayers } from "../store/layers.ts"
import { isOwnerAlive } from "../store/ownerLock.ts"
import {
  completeSnapshot,
  deleteSnapshot,
  failSnapshot,
  getSnapshot,
  insertSnapshot,
  listSnapshots,
  savingOf,
  type SnapshotRow,
  updateSnapshot
} from "../store/snapshots.ts"
import { dropLayers, layerDir, measure, newLayerId, releaseLayers } from "./disk.ts"
import { type Engine, inBackground, isOurs, type Live, notReady, rowOf, running, specOf } from "./engine.ts"
import { invalid } from "./errors.ts"
import { flattenLater } from "./flatten.ts"
import { checkPage } from "./look.ts"
import { orderSnapshot } from "./orders.ts"

const tooLong = 1000

/** How long a snapshot waits for the size of what it saved; a size that takes longer is written down later. */
const measuring = 5

const toInfo = (row: SnapshotRow): SnapshotInfo =>
  new SnapshotInfo({
    id: SnapshotId.make(row.id),
    createTimeMs: row.create_time_ms,
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    sourceDevboxId: DevboxId.make(row.source_devbox_id),
    ...(row.source_blueprint_id === null ? {} : { sourceBlueprintId: row.source_blueprint_id }),
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.commit_message === null ? {} : { commitMessage: row.commit_message }),
    ...(row.status !== "complete" || row.size === null ? {} : { sizeBytes: row.size }),
    ...(row.method === null ? {} : { method: row.method }),
    ...(row.paused_ms === null ? {} : { pausedMs: row.paused_ms })
  })

/** A snapshot that something can still be done with. */
export const snapshotRow = (engine: Pick<Engine, "db">, id: string): SnapshotRow => {
  const row = getSnapshot(engine.db, id)
  if (row === undefined || row.status === "deleted") throw new ResourceNotFound({ resource: "snapshot", id })
  return row
}

/** The error for whoever wants something while a disk is being saved. */
export const savingConflict = (row: SnapshotRow, cure: string): Conflict =>
  new Conflict({ devboxId: row.source_devbox_id, detail: `snapshot ${row.id} is in progress; ${cure}` })

const ready = (row: DevboxRow, hint?: string): DevboxNotReady =>
  new DevboxNotReady({ ...notReady(row, hint), expected: "running or suspended" })

const check = (params: SnapshotParams): void => {
  const length = params.commitMessage?.length ?? 0
  if (length > tooLong) {
    throw invalid("snapshotDisk", `the message has ${length} characters; at most ${tooLong} are allowed`)
  }
}

/** What will be written where, once it is known how the disk is saved. */
interface Plan {
  readonly snapshotId: SnapshotId
  readonly before: ReadonlyArray<string>
  readonly rotateTo: string
  readonly copyTo: string
}

/** Writes down that a snapshot is being taken, and what may come of it. A new layer on top does no harm if nothing does. */
const writeDown = (engine: Engine, id: string, params: SnapshotParams, base: string): Plan =>
  engine.db.transaction(() => {
    const { db, ownerId } = engine
    const row = rowOf(engine, id)
    if (row.status !== "running" && row.status !== "suspended") throw ready(row)
    const other = savingOf(db, id)
    if (other !== undefined) throw savingConflict(other, "wait for it")
    const snapshotId = SnapshotId.make(`snp_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`)
    insertSnapshot(db, {
      id: snapshotId,
      owner_id: ownerId,
      source_devbox_id: id,
      source_blueprint_id: row.blueprint_id,
      name: params.name ?? null,
      commit_message: params.commitMessage ?? null,
      metadata: JSON.stringify(params.metadata ?? {}),
      base,
      host_fingerprint: row.base
    })
    const before = layersOf(db, "devbox", id).map((layer) => layer.id)
    const rotateTo = newLayerId()
    const copyTo = newLayerId()
    const format = row.isolation === "process" ? "home" : "overlay"
    insertLayer(db, { id: copyTo, format, ownerId })
    if (format === "overlay") {
      insertLayer(db, { id: rotateTo, format })
      setLayers(db, "devbox", id, [rotateTo, ...before])
    }
    return { snapshotId, before, rotateTo, copyTo }
  })

/** Puts the names of layers that are finished on disk, and measures them, though not for long. */
const settle = async (engine: Engine, report: HostReport, ids: ReadonlyArray<string>): Promise<void> => {
  const layers = ids.flatMap((id) => getLayer(engine.db, id) ?? [])
  const sizes = measure(engine, report, layers).catch(() => {})
  inBackground(engine, sizes)
  await Promise.all([syncDirectory(engine.dir.layers), Promise.race([sizes, pause(measuring)])])
}

/** A disk that was saved, and its layers when they were settled beside that. */
interface Done extends Saved {
  readonly settled?: Promise<void> | undefined
}

/** Writes down what came of it, on disk before it returns. False: the snapshot was given up meanwhile. */
const conclude = async (engine: Engine, id: string, plan: Plan, saved: Done): Promise<boolean> => {
  const { before, copyTo, rotateTo, snapshotId } = plan
  const rotated = saved.method === "rotate"
  const layers = rotated ? before : [copyTo, ...before.slice(1)]
  const { report } = await engine.host()
  await (saved.settled ?? settle(engine, report, layers))
  const complete = engine.db.durably(() => {
    if (!rotated) {
      finishLayer(engine.db, copyTo)
      if (before.length > 0) setLayers(engine.db, "devbox", id, before)
    }
    return completeSnapshot(engine.db, snapshotId, { layers, method: saved.method, pausedMs: saved.pausedMs })
  })
  await dropLayers(engine, [copyTo, rotateTo])
  return complete
}

/** Saves a disk beside the caller; whatever comes of it is written down. */
const save = (engine: Engine, id: string, plan: Plan, how: () => Promise<Done>, gone: () => Promise<boolean>): void => {
  const work = async (): Promise<void> => {
    try {
      if (await conclude(engine, id, plan, await how())) flattenLater(engine, plan.snapshotId)
    } catch (error) {
      failSnapshot(engine.db, plan.snapshotId, error instanceof Error ? error.message : String(error))
      finishLayer(engine.db, plan.copyTo)
      // A box that is gone may have begun to write above: then the new layer stays, empty or not.
      if (plan.before.length > 0 && !(await gone())) setLayers(engine.db, "devbox", id, plan.before)
      await dropLayers(engine, [plan.copyTo, plan.rotateTo]).catch(() => {})
    }
  }
  const settled: Promise<void> = work()
    .catch(() => {})
    .then(() => {
      if (engine.saving.get(id) === settled) engine.saving.delete(id)
      engine.news.changed(id)
    })
  engine.saving.set(id, settled)
  inBackground(engine, settled)
}

const isClosed = (live: Live): Promise<boolean> =>
  Promise.race([
    live.box.closed.then(() => true),
    new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))
  ])

/** The disk of a suspended devbox does not change by itself. */
const saveSuspended = (engine: Engine, id: string, plan: Plan, isHome: boolean): void =>
  save(
    engine,
    id,
    plan,
    async () => {
      if (!isHome) return { method: "rotate", pausedMs: 0 }
      const spec = specOf(engine, await engine.host(), id)
      const still = { spec, gone: new Promise<never>(() => {}), signalAll: () => Promise.resolve() }
      return { ...(await copyDisk(still, plan.copyTo)), pausedMs: 0 }
    },
    () => Promise.resolve(false)
  )

/** A layer that nothing was written to yet may have no folder; as a part of a snapshot it must have one. */
const makeTop = (engine: Engine, id: string, report: HostReport): void => {
  const top = layersOf(engine.db, "devbox", id)[0]
  if (top !== undefined) makeLayer(layerDir(engine, top.id), report)
}

/** Takes a snapshot; see the contract. */
export const startSnapshot = async (engine: Engine, id: DevboxId, params: SnapshotParams): Promise<SnapshotInfo> => {
  check(params)
  let row = rowOf(engine, id)
  const other = savingOf(engine.db, id)
  if (other !== undefined && !isOwnerAlive(engine.dir.owners, other.owner_id)) {
    engine.bury()
    row = rowOf(engine, id)
  }
  if (row.status === "suspended") {
    if (!isOurs(engine, row) && row.detached === 0 && isOwnerAlive(engine.dir.owners, row.owner_id)) {
      throw ready(row, "It belongs to another process that is running; take the snapshot there.")
    }
    const { base, report } = await engine.host()
    makeTop(engine, id, report)
    const plan = writeDown(engine, id, params, base.fingerprint)
    saveSuspended(engine, id, plan, row.isolation === "process")
    return toInfo(snapshotRow(engine, plan.snapshotId))
  }
  if (row.status !== "running") throw ready(row)
  const { live } = await running(engine, id)
  if (!isOurs(engine, row)) return toInfo(snapshotRow(engine, await orderSnapshot(live, params)))
  const { base, report } = await engine.host()
  makeTop(engine, id, report)
  const plan = writeDown(engine, id, params, base.fingerprint)
  if (plan.before.length > 0) makeLayer(layerDir(engine, plan.rotateTo), report)
  save(
    engine,
    id,
    plan,
    async () => {
      let settled: Promise<void> | undefined
      // The processes of the box take longer to come back than this takes.
      const onRotate = () => {
        settled = settle(engine, report, plan.before)
        settled.catch(() => {})
      }
      const saved = await live.box.save({ ...plan, onRotate })
      return { ...saved, settled }
    },
    () => isClosed(live)
  )
  return toInfo(snapshotRow(engine, plan.snapshotId))
}

/** How far a snapshot is. */
export const getState = (engine: Engine, id: SnapshotId): SnapshotState => {
  let row = getSnapshot(engine.db, id)
  if (row?.status === "in_progress" && !isOwnerAlive(engine.dir.owners, row.owner_id)) {
    engine.bury()
    row = getSnapshot(engine.db, id)
  }
  if (row === undefined) throw new ResourceNotFound({ resource: "snapshot", id })
  return new SnapshotState({
    status: row.status,
    ...(row.error_message === null ? {} : { errorMessage: row.error_message }),
    ...(row.status === "deleted" || row.status === "error" ? {} : { snapshot: toInfo(row) })
  })
}

/** Holds until a snapshot is no longer in progress or the time is over. */
export const waitForSnapshot = async (
  engine: Engine,
  id: SnapshotId,
  millis: number,
  signal: AbortSignal
): Promise<SnapshotState> => {
  const row = getSnapshot(engine.db, id)
  if (row?.status === "in_progress") {
    const over = () => (getSnapshot(engine.db, id)?.status === "in_progress" ? undefined : true)
    const foreign = row.owner_id !== engine.ownerId
    await engine.news.until(row.source_devbox_id, over, { foreign, millis, signal })
  }
  return getState(engine, id)
}

/** A page of snapshots, newest first. */
export const list = (
  engine: Engine,
  query: ListQuery & { readonly devboxId?: DevboxId | undefined }
): Page<SnapshotInfo> => {
  const limit = checkPage("listSnapshots", query.limit)
  const rows = listSnapshots(engine.db, { ...query, limit: limit + 1 })
  return { items: rows.slice(0, limit).map(toInfo), hasMore: rows.length > limit }
}

/** Changes name, metadata and message. */
export const update = (engine: Engine, id: SnapshotId, params: SnapshotParams): SnapshotInfo => {
  check(params)
  snapshotRow(engine, id)
  updateSnapshot(engine.db, id, {
    name: params.name,
    metadata: params.metadata === undefined ? undefined : JSON.stringify(params.metadata),
    commitMessage: params.commitMessage
  })
  return toInfo(snapshotRow(engine, id))
}

/** Deletes a snapshot and what nothing else is made of. Deleting twice does no harm. */
export const remove = async (engine: Engine, id: SnapshotId): Promise<void> => {
  const row = getSnapshot(engine.db, id)
  if (row === undefined) throw new ResourceNotFound({ resource: "snapshot", id })
  failSnapshot(engine.db, id, "the snapshot was deleted before it was complete")
  const layers = layersOf(engine.db, "snapshot", id)
  deleteSnapshot(engine.db, id)
  await releaseLayers(engine, layers)
}

/** How often whoever saves a disk in another process is looked after: its death tells nobody by itself. */
const looking = 1000

/** Waits until nobody saves a disk any more. */
export const settledDisk = async (engine: Engine, id: string): Promise<void> => {
  await engine.saving.get(id)
  for (;;) {
    const row = savingOf(engine.db, id)
    if (row === undefined) return
    if (!isOwnerAlive(engine.dir.owners, row.owner_id)) engine.bury()
    const over = () => (savingOf(engine.db, id) === undefined ? true : undefined)
    await engine.news.until(id, over, { foreign: true, millis: looking })
  }
}

/** Gives up what is being saved of a devbox: it ends. */
export const abandon = (engine: Engine, id: string): void => {
  const row = savingOf(engine.db, id)
  if (row !== undefined) {
    failSnapshot(engine.db, row.id, "the devbox was shut down before the snapshot was complete")
  }
}
