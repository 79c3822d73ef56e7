/** The way back from suspension: in this process, or with a new holder. */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { isFinal, transition } from "../store/devboxes.ts"
import { appendLogs } from "../store/logs.ts"
import { isOwnerAlive } from "../store/ownerLock.ts"
import { getOwner } from "../store/owners.ts"
import { boot } from "./boot.ts"
import { type Engine, inBackground, isOurs, notReady, rowOf } from "./engine.ts"
import { settledDisk } from "./snapshots.ts"

/** Brings a suspended devbox back; returns when that has begun. Whoever does it first has it. */
export const resume = async (engine: Engine, id: DevboxId): Promise<void> => {
  let row = rowOf(engine, id)
  if (row.status === "resuming" || row.status === "running") {
    // Whoever had it may have died since somebody last looked.
    if (isOurs(engine, row) || isOwnerAlive(engine.dir.owners, row.owner_id)) return
    engine.bury()
    row = rowOf(engine, id)
  }
  if (row.status !== "suspended") throw notReady(row)
  if (row.detached === 0 && !isOurs(engine, row) && isOwnerAlive(engine.dir.owners, row.owner_id)) {
    const pid = getOwner(engine.db, row.owner_id)?.pid ?? "?"
    throw notReady(row, `It belongs to process ${pid}, which is running; resume it there.`)
  }
  // What is being copied of its disk must not change under the copier.
  await settledDisk(engine, id)
  const taken = transition(engine.db, id, "resuming", {
    ifStatus: "suspended",
    ifOwner: row.owner_id,
    toOwner: engine.ownerId
  })
  if (!taken) {
    const now = rowOf(engine, id)
    if (now.status === "resuming" || now.status === "running") return
    throw notReady(now)
  }
  engine.news.changed(id)
  inBackground(
    engine,
    boot(engine, id, { again: true }).catch((error: unknown) => {
      const now = rowOf(engine, id)
      if (isFinal(now.status)) return
      // The disk is as it was: somebody may put the machine in order and try again.
      const detail = error instanceof Error ? error.message : String(error)
      transition(engine.db, id, "suspended", { ifStatus: "resuming", ifOwner: engine.ownerId, detail })
      appendLogs(engine.db, id, [
        { level: "error", source: "setup_commands", message: `the devbox did not come back: ${detail}`, cmd_id: null }
      ])
      engine.news.changed(id)
    })
  )
}
