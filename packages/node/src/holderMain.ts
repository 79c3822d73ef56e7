/**
 * The process that keeps one detached devbox: started by `createDetached` with its order on stdin, it answers `ready` on
 * stdout, writes down what happens in the box, watches the keep-alive time, and ends when the box does. Not for people to run.
 */
import { text } from "node:stream/consumers"
import { randomUUID } from "node:crypto"
import * as path from "node:path"
import type { HolderOrder } from "./internal/local/detached.ts"
import { closeExecutions } from "./internal/local/lifecycle.ts"
import { runHolder } from "./internal/sandbox/holder.ts"
import { removeBoxDir } from "./internal/sandbox/remove.ts"
import { getDevbox, handOver, transition, wishEnd } from "./internal/store/devboxes.ts"
import { completeExecution } from "./internal/store/executions.ts"
import { acquireOwnerLock } from "./internal/store/ownerLock.ts"
import { endOwner, insertOwner } from "./internal/store/owners.ts"
import { openStore } from "./internal/store/store.ts"

const watchEvery = 1000

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
      })
  })
  process.on("SIGTERM", () => void holder.stop())
  if (!handOver(db, id, order.from, ownerId)) {
    // The create was given up meanwhile: nobody wants this box.
    await holder.stop()
  }
  const watch = setInterval(() => {
    const expires = getDevbox(db, id)?.expires_at_ms ?? Infinity
    if (expires > Date.now()) return
    clearInterval(watch)
    wishEnd(db, id, "keep_alive_timeout")
    void holder.stop()
  }, watchEvery)
  process.stdout.on("error", () => {})
  process.stdout.write("ready\n")
  await holder.closed
  clearInterval(watch)
  closeExecutions({ db }, id, "devbox_ended")
  // An end that nobody wished for is a failure.
  const wished = getDevbox(db, id)?.shutdown_reason ?? undefined
  if (wished !== undefined) transition(db, id, "shutdown")
  else transition(db, id, "failure", { failureReason: "health_check_failed", detail: "every process of the devbox ended" })
  await removeBoxDir(order.spec.dir, path.join(dir.root, "trash"))
  endOwner(db, ownerId)
  lock.release()
  db.close()
}

await hold().catch((error: unknown) => {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`.replaceAll("\n", " ").trimEnd() + "\n")
  process.exitCode = 1
})
