/** How a devbox ends: asked for, by its keep-alive time, or of its own accord. */
import { Conflict } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { readFileSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { settleGate } from "../gates/settle.ts"
import { removeBoxDir } from "../sandbox/remove.ts"
import { detachedEndedSince, type DevboxRow, isFinal, transition, wishEnd } from "../store/devboxes.ts"
import { completeExecution, openExecutionsOf } from "../store/executions.ts"
import { isOwnerAlive } from "../store/ownerLock.ts"
import { getOwner } from "../store/owners.ts"
import { layersOf, setLayers } from "../store/layers.ts"
import { deleteNotice } from "../store/notices.ts"
import { savingOf } from "../store/snapshots.ts"
import { type Place, releaseLayers, trashDir } from "./disk.ts"
import { boxDir, connect, type Engine, insist, isOurs, journalOf, type Live, rowOf } from "./engine.ts"
import { abandon, savingConflict } from "./snapshots.ts"

/** Executions that nobody will hear of any more have no exit status; what they printed counts. */
export const closeExecutions = (
  engine: Pick<Engine, "db" | "dir"> & { readonly live?: Engine["live"] },
  id: string,
  failureReason: "devbox_ended" | "owner_died"
): void => {
  const open = openExecutionsOf(engine.db, id)
  if (open.length === 0) return
  const opened = journalOf(engine, id)
  for (const row of open) {
    const lengths = opened?.journal.lengths(row.id) ?? { stdout: 0, stderr: 0 }
    completeExecution(engine.db, id, row.id, {
      failureReason,
      stdoutBytes: lengths.stdout,
      stderrBytes: lengths.stderr
    })
  }
  opened?.close()
}

/** Removes what a devbox left on disk. */
export const removeBox = async (place: Place, id: string): Promise<void> => {
  const layers = layersOf(place.db, "devbox", id)
  setLayers(place.db, "devbox", id, [])
  deleteNotice(place.db, id)
  await Promise.all([removeBoxDir(boxDir(place, id), trashDir(place)), releaseLayers(place, layers)])
}

/** Why a devbox failed whose box ended although nobody wished it to. */
export const downfall = (outOfMemory: boolean | undefined) =>
  outOfMemory === true
    ? ({ failureReason: "out_of_memory", detail: "it had no memory left for its own processes" } as const)
    : ({ failureReason: "health_check_failed", detail: "every process of the devbox ended" } as const)

/** The box of a devbox is gone: by our wish, or of its own accord, which is a failure. */
export const ended = async (engine: Engine, live: Live): Promise<void> => {
  const { id } = live.box
  clearTimeout(live.timer)
  // Those who follow an execution write its end down first; what is left has nobody.
  await Promise.all([...live.followed.values()].map(({ over }) => over))
  closeExecutions(engine, id, "devbox_ended")
  if (engine.live.get(id) === live) engine.live.delete(id)
  // Of a detached devbox anybody can wish the end.
  if (!live.ending && rowOf(engine, id).shutdown_reason === null) {
    // The journals stay until somebody shuts it down or the layer ends: they may say why.
    engine.failed.add(id)
    transition(engine.db, id, "failure", downfall((await live.box.closed).outOfMemory))
  }
  engine.news.changed(id)
}

/** How long a holder may take to be gone after its box. */
const holderLeaves = 5000

/** Whether a holder's process still has anything: not even a thread that is about to end. */
const isThere = (pid: number): boolean => {
  try {
    if (process.platform !== "linux") return process.kill(pid, 0)
    const words = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
    if (/^[XZ]$/.test(words[0]!) && Number(words[17]) <= 1) return false
    // A process that is ending has no command line any more; one that has another took over the number.
    return /holderMain|^$/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"))
  } catch {
    return false
  }
}

/**
 * Waits until the holder of a devbox is gone, if it had one: its lock and its connections go first, and the rest of what it has a
 * moment later.
 */
const holderGone = async (engine: Engine, row: DevboxRow, left: Promise<void> = Promise.resolve()): Promise<void> => {
  const owner = getOwner(engine.db, row.owner_id)
  if (owner?.kind !== "holder" || owner.id === engine.ownerId) return
  const timer = new AbortController()
  const late = pause(holderLeaves, undefined, { signal: timer.signal }).catch(() => {})
  const gone = left.then(async () => {
    while (!timer.signal.aborted && isThere(owner.pid)) await pause(1)
  })
  await Promise.race([gone, late])
  timer.abort()
}

/** Waits until the holders of devboxes that ended a moment ago are gone: one that ended by itself has nobody else who waits for it. */
export const holdersGone = async (engine: Engine): Promise<void> => {
  const rows = detachedEndedSince(engine.db, Date.now() - holderLeaves)
  await Promise.all(rows.map((row) => holderGone(engine, row)))
}

/** Why a devbox is shut down. */
export type ShutdownReason = "api_shutdown" | "keep_alive_timeout" | "idle" | "entrypoint_exit"

/** How long the end of a devbox that another process is starting or suspending may take. */
const startLeaves = 30_000

/** Another process has it: that one sees the wish when its devbox has started, or is gone when it was suspended. */
const endedElsewhere = (engine: Engine, row: DevboxRow): Promise<true | undefined> =>
  engine.news.until(
    row.id,
    () => {
      const isOver = isFinal(rowOf(engine, row.id).status) || !isOwnerAlive(engine.dir.owners, row.owner_id)
      return isOver ? (true as const) : undefined
    },
    { foreign: true, millis: startLeaves }
  )

/** Ends the box of a devbox, for a reason that is a shutdown or for none, and removes what it left on disk. */
export const end = async (engine: Engine, first: DevboxRow, reason?: ShutdownReason): Promise<void> => {
  const { id } = first
  const live = engine.live.get(id) ?? (await connect(engine, first).catch(() => undefined))
  if (live === undefined && !isOurs(engine, first) && isOwnerAlive(engine.dir.owners, first.owner_id)) {
    if (first.detached === 1 && reason !== undefined) {
      wishEnd(engine.db, id, reason)
      if (await endedElsewhere(engine, first)) {
        const now = rowOf(engine, id)
        return isFinal(now.status) ? holderGone(engine, now) : end(engine, now, reason)
      }
    }
    throw new Conflict({
      devboxId: id,
      detail: `it belongs to process ${getOwner(engine.db, first.owner_id)?.pid ?? "?"}, which is running; end it there.`
    })
  }
  if (reason !== undefined) wishEnd(engine.db, id, reason)
  abandon(engine, id)
  if (live !== undefined) {
    live.ending = true
    await live.box.stop()
    await ended(engine, live)
  }
  await holderGone(engine, first, live?.box.left)
  await engine.saving.get(id)
  closeExecutions(engine, id, "devbox_ended")
  await removeBox(engine, id)
}

/** Ends a devbox for good. Asked again it makes sure once more. */
export const shutdown = async (
  engine: Engine,
  id: DevboxId,
  options: { readonly reason?: ShutdownReason | undefined; readonly force?: boolean | undefined } = {}
): Promise<void> => {
  const reason = options.reason ?? "api_shutdown"
  let row = rowOf(engine, id)
  if (!isFinal(row.status)) {
    const saving = savingOf(engine.db, id)
    if (saving !== undefined && options.force !== true && isOwnerAlive(engine.dir.owners, saving.owner_id)) {
      throw savingConflict(saving, "wait for it, or shut down with force")
    }
    // What this process starts is ended when it has started.
    if (engine.starting.has(id)) {
      wishEnd(engine.db, id, reason)
      void engine.stages.get(id)?.stop()
      await engine.starting.get(id)
      row = rowOf(engine, id)
    }
  }
  // The status is written last: "shutdown" means that the box was seen gone.
  if (!isFinal(row.status) || engine.live.has(id)) await end(engine, row, reason)
  else {
    // Its own time may have ended it just now.
    if (Date.now() - (row.end_time_ms ?? 0) < holderLeaves) await holderGone(engine, row)
    if (row.status === "failure") await removeBox(engine, id)
  }
  engine.failed.delete(id)
  transition(engine.db, id, "shutdown", { shutdownReason: reason })
  engine.news.changed(id)
  await settleGate(engine, row)
}

/** Shuts down a devbox for a reason of its own, which nobody waits for: once the end is wished for there is no way back from it. */
export const shutdownAlone = async (engine: Engine, id: DevboxId, reason: ShutdownReason): Promise<void> => {
  const work = () => shutdown(engine, id, { reason, force: true })
  await work().catch((error: unknown) => {
    if (rowOf(engine, id).shutdown_reason === null) throw error
    insist(engine, work)
  })
}
