/**
 * What a crash left is put in order when the next program starts. Only what belongs to an owner that is proven dead is touched;
 * a pid proves nothing, the owner's lock does.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { removeGroups } from "../sandbox/groups.ts"
import { emptyTrash } from "../sandbox/remove.ts"
import { forgetEnded, getDevbox, isFinal, openDevboxesOf, transition } from "../store/devboxes.ts"
import { ifOwnerIsGone, isOwnerAlive, lockedOwners } from "../store/ownerLock.ts"
import { endedWithLayers } from "../store/layers.ts"
import { endOwner, openOwners, type OwnerRow } from "../store/owners.ts"
import { failSnapshot, forgetSnapshots, openSnapshotsOf } from "../store/snapshots.ts"
import { cleanLayers, type Place, trashDir } from "./disk.ts"
import { closeExecutions, removeBox } from "./end.ts"

/** What was found and put in order. */
export interface SweepReport {
  /** Devboxes whose process died with them. */
  readonly ended: ReadonlyArray<string>
  /** Detached devboxes whose holder died: their disk is kept. */
  readonly suspended: ReadonlyArray<string>
  /** Snapshots that were being taken when their process died: nothing of them is left. */
  readonly snapshots: ReadonlyArray<string>
  /** Folders without a devbox, and layers that nothing is made of. */
  readonly removed: ReadonlyArray<string>
}

/** How long devboxes that have ended can still be looked up. */
const remembered = 7 * 24 * 60 * 60 * 1000

type Buried = { readonly [What in Exclude<keyof SweepReport, "removed">]: Array<string> }

const buryOne = (place: Place, owner: OwnerRow, { ended, snapshots, suspended }: Buried): void => {
  const { db } = place
  for (const row of openDevboxesOf(db, owner.id)) {
    closeExecutions(place, row.id, "owner_died")
    // One that never got a holder has nothing to keep; one that somebody took to resume it has.
    const kept = owner.kind === "holder" || ["resuming", "suspended"].includes(row.status)
    if (row.detached === 1 && kept && row.shutdown_reason === null) {
      if (transition(db, row.id, "suspended", { detail: "its holder died", ifOwner: owner.id })) suspended.push(row.id)
    } else if (transition(db, row.id, "shutdown", { detail: "its owner died", ifOwner: owner.id })) ended.push(row.id)
  }
  for (const snapshot of openSnapshotsOf(db, owner.id)) {
    if (failSnapshot(db, snapshot.id, "the process that took it died before it was complete"))
      snapshots.push(snapshot.id)
  }
  endOwner(db, owner.id)
  if (owner.socket !== null) fs.rmSync(owner.socket, { force: true })
}

/** Writes down the end of owners that died, and of what was theirs. Quick: it removes no folder. */
export const bury = (place: Place): Omit<SweepReport, "removed"> => {
  const buried: Buried = { ended: [], suspended: [], snapshots: [] }
  for (const owner of openOwners(place.db)) {
    ifOwnerIsGone(place.dir.owners, owner.id, () => place.db.transaction(() => buryOne(place, owner, buried)))
  }
  return buried
}

/** Removes locks and folders that belong to nobody. */
export const clean = async (place: Place): Promise<ReadonlyArray<string>> => {
  const { db, dir } = place
  const open = new Set(openOwners(db).map((owner) => owner.id))
  for (const id of lockedOwners(dir.owners)) {
    // Its process died before it wrote itself down, or after it wrote down its end. One that lives has the lock.
    if (!open.has(id)) ifOwnerIsGone(dir.owners, id, () => {})
  }
  forgetSnapshots(db, Date.now() - remembered)
  forgetEnded(db, Date.now() - remembered)
  const removed: Array<string> = []
  for (const name of fs.readdirSync(dir.boxes)) {
    const row = getDevbox(db, name)
    // What bounds a box that a crash ended is not kept with its disk.
    if (row !== undefined && !isOwnerAlive(dir.owners, row.owner_id)) await removeGroups(path.join(dir.boxes, name))
    // The row is written before the folder is made, and is final before the folder is removed.
    if (row !== undefined && (!isFinal(row.status) || isOwnerAlive(dir.owners, row.owner_id))) continue
    await removeBox(place, name)
    removed.push(name)
  }
  for (const id of endedWithLayers(db)) {
    const row = getDevbox(db, id)
    if (row === undefined || !isOwnerAlive(dir.owners, row.owner_id)) await removeBox(place, id)
  }
  removed.push(...(await cleanLayers(place)))
  const trash = trashDir(place)
  for (const name of fs.existsSync(trash) ? fs.readdirSync(trash) : []) {
    // Another process may be removing the same.
    await emptyTrash(path.join(trash, name)).catch(() => {})
  }
  return removed
}

/** Sweeps a state directory. */
export const sweep = async (place: Place): Promise<SweepReport> => {
  const buried = bury(place)
  return { ...buried, removed: await clean(place) }
}
