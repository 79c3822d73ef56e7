/**
 * The process that keeps one detached devbox: started by `createDetached` with its order on stdin, it answers `ready` on
 * stdout, writes down what happens in the box, watches the keep-alive time, and ends when the box does. Not for people to run.
 */
import { text } from "node:stream/consumers"
import { randomUUID } from "node:crypto"
import * as path from "node:path"
import type { HolderOrder } from "./internal/local/detached.ts"
import { closeExecutions, removeBox } from "./internal/local/end.ts"
import { longestTimer } from "./internal/local/news.ts"
import { runHolder } from "./internal/sandbox/holder.ts"
import { getDevbox, handOver, isFinal, transition, wishEnd } from "./internal/store/devboxes.ts"
import { completeExecution, deleteExecution } from "./internal/store/executions.ts"
import { acquireOwnerLock } from "./internal/store/ownerLock.ts"
import { endOwner, insertOwner } from "./internal/store/owners.ts"
import { openStore } from "./internal/store/store.ts"

const hold = async (): Promise<void> => {
  const order = JSON.parse(await text(process.stdin)) as HolderOrder
  const { db, dir } = openStore(order.stateDir)
  const id = order.spec.id
  const ownerId = randomUUID()
  const lock = acquireOwnerLock(dir.owners, ownerId)
  const socketPath = path.join(dir.owners, `${ownerId}.sock`)
  insertOwner(db, { id: ownerId, kind: "holder", pid: process.pid, socket: socketPath })
  // Terminals and process groups of whoever started us are not ours; the box's end is.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {})
  const holder = await runHolder({
    spec: order.spec,
    socketPath,
    onExit: (executionId, done) =>
      void completeExecution(db, id, executionId, {
        exitStatus: done.code,
        failureReason: done.shellDied ? "shell_died" : undefined,
        stdoutBytes: done.stdoutBytes,
        stderrBytes: done.stderrBytes
      }),
    // It never began, so its id is free again. What the end of the box cut off is completed below.
    onFailed: (executionId, reason) => reason !== "closed" && deleteExecution(db, id, executionId)
  })
  // The machine shuts down, or somebody wants us gone: the disk is kept, as for a holder that was killed.
  let dismissed = false
  process.on("SIGTERM", () => {
    dismissed = true
    void holder.stop()
  })
  // A create that was given up meanwhile has no use for the box.
  if (!handOver(db, id, order.from, ownerId)) void holder.stop()
  let timer: NodeJS.Timeout | undefined
  const watchExpiry = () => {
    const left = (getDevbox(db, id)?.expires_at_ms ?? Infinity) - Date.now()
    if (left > 0) {
      // Whoever keeps it alive writes a later time down; it is read when this one has come.
      timer = setTimeout(watchExpiry, Math.min(left, longestTimer))
      return
    }
    wishEnd(db, id, "keep_alive_timeout")
    void holder.stop()
  }
  watchExpiry()
  process.stdout.on("error", () => {})
  process.stdout.write("ready\n")
  await holder.closed
  clearTimeout(timer)
  closeExecutions({ db, dir }, id, "devbox_ended")
  const row = getDevbox(db, id)
  if (row === undefined || isFinal(row.status) || row.shutdown_reason !== null) {
    transition(db, id, "shutdown")
    await removeBox({ dir }, id)
  } else if (dismissed) {
    transition(db, id, "suspended", { detail: "its holder was asked to end" })
  } else {
    // An end that nobody wished for. Its journals stay until it is shut down or swept: they may say why.
    const detail = "every process of the devbox ended"
    transition(db, id, "failure", { failureReason: "health_check_failed", detail })
  }
  endOwner(db, ownerId)
  lock.release()
  db.close()
}

await hold().catch((error: unknown) => {
  process.stdout.write(
    `${error instanceof Error ? error.message : String(error)}\n`.replaceAll("\n", " ").trimEnd() + "\n"
  )
  process.exitCode = 1
})
