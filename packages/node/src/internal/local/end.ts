/** How a devbox ends: asked for, by its keep-alive time, or of its own accord. */
import { Conflict } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { setTimeout as pause } from "node:timers/promises"
import { removeBoxDir } from "../sandbox/remove.ts"
import { type DevboxRow, isFinal, setExpiry, transition, wishEnd } from "../store/devboxes.ts"
import { completeExecution, openExecutionsOf } from "../store/executions.ts"
import { isOwnerAlive } from "../store/ownerLock.ts"
import { getOwner } from "../store/owners.ts"
import { boxDir, connect, type Engine, inBackground, journalOf, type Live, rowOf, running, trashDir } from "./engine.ts"
import { longestTimer } from "./news.ts"

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
export const removeBox = (engine: Pick<Engine, "dir">, id: string): Promise<void> =>
  removeBoxDir(boxDir(engine, id), trashDir(engine))

/** The box of a devbox is gone: by our wish, or of its own accord, which is a failure. */
export const ended = async (engine: Engine, live: Live): Promise<void> => {
  const { id } = live.box
  clearTimeout(live.timer)
  // Those who follow an execution write its end down first; what is left has nobody.
  await Promise.all([...live.followed.values()].map(({ over }) => over))
  closeExecutions(engine, id, "devbox_ended")
  engine.live.delete(id)
  if (!live.ending) {
    // The journals stay until somebody shuts it down or the layer ends: they may say why.
    engine.failed.add(id)
    transition(engine.db, id, "failure", {
      failureReason: "health_check_failed",
      detail: "every process of the devbox ended"
    })
  }
  engine.news.changed(id)
}

/** How long a holder may take to leave after its box, and how often it is looked for: its lock tells nobody by itself. */
const holderLeaves = 5000
const holderLook = 5

const holderGone = async (engine: Engine, ownerId: string): Promise<void> => {
  const deadline = Date.now() + holderLeaves
  while (isOwnerAlive(engine.dir.owners, ownerId) && Date.now() < deadline) await pause(holderLook)
}

/** Ends the box of a devbox, for a reason that is a shutdown or for none, and removes what it left on disk. */
export const end = async (
  engine: Engine,
  row: DevboxRow,
  reason?: "api_shutdown" | "keep_alive_timeout"
): Promise<void> => {
  const live = engine.live.get(row.id) ?? (await connect(engine, row).catch(() => undefined))
  if (live === undefined && row.owner_id !== engine.ownerId && isOwnerAlive(engine.dir.owners, row.owner_id)) {
    throw new Conflict({
      devboxId: row.id,
      detail: `it belongs to process ${getOwner(engine.db, row.owner_id)?.pid ?? "?"}, which is running; end it there.`
    })
  }
  if (reason !== undefined) wishEnd(engine.db, row.id, reason)
  if (live !== undefined) {
    live.ending = true
    await live.box.stop()
    await ended(engine, live)
    if (row.detached === 1) await holderGone(engine, row.owner_id)
  }
  closeExecutions(engine, row.id, "devbox_ended")
  await removeBox(engine, row.id)
}

/** Ends a devbox for good. Asked again it makes sure once more. */
export const shutdown = async (
  engine: Engine,
  id: DevboxId,
  reason: "api_shutdown" | "keep_alive_timeout" = "api_shutdown"
): Promise<void> => {
  const row = rowOf(engine, id)
  // The status is written last: "shutdown" means that the box was seen gone.
  if (!isFinal(row.status) || engine.live.has(id)) await end(engine, row, reason)
  else if (row.status === "failure") await removeBox(engine, id)
  engine.failed.delete(id)
  transition(engine.db, id, "shutdown", { shutdownReason: reason })
  engine.news.changed(id)
}

const keepAliveMillis = (row: DevboxRow, fallbackSeconds: number): number =>
  ((JSON.parse(row.request) as { launch_parameters?: { keep_alive_time_seconds?: number } }).launch_parameters
    ?.keep_alive_time_seconds ?? fallbackSeconds) * 1000

/** Starts the keep-alive time again, in the database where others see it. */
export const renewExpiry = (engine: Engine, row: DevboxRow, fallbackSeconds: number): void =>
  setExpiry(engine.db, row.id, Date.now() + keepAliveMillis(row, fallbackSeconds))

/** Watches the keep-alive time of a devbox of this process. Of a detached one the holder does. */
export const watchExpiry = (engine: Engine, live: Live): void => {
  clearTimeout(live.timer)
  const left = (rowOf(engine, live.box.id).expires_at_ms ?? Infinity) - Date.now()
  const over = () =>
    left > longestTimer
      ? watchExpiry(engine, live)
      : inBackground(engine, shutdown(engine, live.box.id as DevboxId, "keep_alive_timeout"))
  live.timer = setTimeout(over, Math.min(Math.max(left, 0), longestTimer))
  live.timer.unref()
}

/** See the contract. */
export const keepAlive = async (engine: Engine, id: DevboxId, fallbackSeconds: number): Promise<void> => {
  const { live, row } = await running(engine, id, ["initializing"])
  renewExpiry(engine, row, fallbackSeconds)
  if (row.detached === 0) watchExpiry(engine, live)
}
