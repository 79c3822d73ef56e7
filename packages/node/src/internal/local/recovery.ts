/**
 * What a crash left is put in order when the next program starts. Only what belongs to an owner that is proven dead is touched;
 * a pid proves nothing, the owner's lock does.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { removeBoxDir } from "../sandbox/remove.ts"
import type { Database } from "../store/database.ts"
import { getDevbox, openDevboxesOf, transition } from "../store/devboxes.ts"
import { ifOwnerIsGone, isOwnerAlive, lockedOwners } from "../store/ownerLock.ts"
import { endOwner, getOwner, openOwners } from "../store/owners.ts"
import type { StateDir } from "../store/store.ts"
import { closeExecutions, isFinal } from "./lifecycle.ts"

/** What was found and put in order. */
export interface SweepReport {
  /** Devboxes whose process died with them. */
  readonly ended: ReadonlyArray<string>
  /** Detached devboxes whose holder died: their disk is kept. */
  readonly suspended: ReadonlyArray<string>
  /** Folders without a devbox. */
  readonly removed: ReadonlyArray<string>
}

/** Sweeps a state directory. */
export const sweep = async (dir: StateDir, db: Database): Promise<SweepReport> => {
  const ended: Array<string> = []
  const suspended: Array<string> = []
  const removed: Array<string> = []
  const bury = (owner: string) => () => {
    for (const row of openDevboxesOf(db, owner)) {
      closeExecutions({ db }, row.id, "owner_died")
      if (row.detached === 1) {
        if (transition(db, row.id, "suspended", { detail: "its holder died", ifOwner: owner })) suspended.push(row.id)
      } else if (transition(db, row.id, "shutdown", { detail: "its owner died", ifOwner: owner })) ended.push(row.id)
    }
    endOwner(db, owner)
  }
  const known = new Set(openOwners(db).map(({ id }) => id))
  for (const id of known) ifOwnerIsGone(dir.owners, id, bury(id))
  for (const id of lockedOwners(dir.owners)) {
    // A lock without a row: its process died, or is about to write the row down.
    if (!known.has(id) && getOwner(db, id) !== undefined) ifOwnerIsGone(dir.owners, id, bury(id))
  }
  const trash = path.join(dir.root, "trash")
  for (const name of fs.readdirSync(dir.boxes)) {
    const row = getDevbox(db, name)
    // The row is written before the folder is made, and is final before the folder is removed.
    if (row !== undefined && (!isFinal(row.status) || isOwnerAlive(dir.owners, row.owner_id))) continue
    await removeBoxDir(path.join(dir.boxes, name), trash)
    removed.push(name)
  }
  for (const name of fs.existsSync(trash) ? fs.readdirSync(trash) : []) {
    await removeBoxDir(path.join(trash, name), trash).catch(() => {})
  }
  return { ended, suspended, removed }
}
