/** The holder of one detached devbox as an engine of its own: it does for its box what a program's process does for a scoped one. */
import { DevboxId } from "@effect-devbox/core/DevboxModel"
import * as fs from "node:fs"
import * as path from "node:path"
import { EgressProxy } from "../net/proxy.ts"
import { runHolder } from "../sandbox/holder.ts"
import { boxDirs } from "../sandbox/layout.ts"
import type { ExecDone } from "../sandbox/types.ts"
import { handOver, isStarting, transition } from "../store/devboxes.ts"
import { completeExecution, deleteExecution, getExecution, openExecutionsOf } from "../store/executions.ts"
import { stateDirAt } from "../store/store.ts"
import { ends } from "./boot.ts"
import { touch } from "./clock.ts"
import { decodeMounts, type HolderOrder } from "./detached.ts"
import { ended, removeBox } from "./end.ts"
import { enlist, rowOf } from "./engine.ts"
import { toError } from "./errors.ts"
import { keepOnline } from "./network.ts"
import { obey, type Obeying } from "./orders.ts"
import { own } from "./owning.ts"
import { recordEnd } from "./record.ts"
import { settleIn } from "./setup.ts"
import { startSnapshot } from "./snapshots.ts"
import { suspend } from "./suspend.ts"

/** How long an execution may take from being written down to being in the holder's hands, in milliseconds. */
const onItsWay = 3000

/** How soon an end that could not be written down is tried again, in milliseconds. */
const tryAgain = 5000

/** A devbox that is held. */
export interface Holding {
  /** The machine shuts down, or somebody wants us gone: the disk is kept, as for a holder that was killed. */
  readonly dismiss: () => void
  /** Resolves when the box is gone, what is to be known of it is written down, and the database is closed. */
  readonly over: Promise<void>
}

/** Starts the box of an order, takes it over, and gets it to run. */
export const hold = async (order: HolderOrder): Promise<Holding> => {
  const { report, base } = order.spec
  const id = DevboxId.make(order.spec.id)
  // Whoever gave the order may have died of it, and somebody may have removed everything since: it must not come back.
  if (!fs.existsSync(stateDirAt(order.stateDir).database)) throw new Error(`there is no ${order.stateDir} any more`)
  const { engine, release, socketPath } = own(order.stateDir, {
    kind: "holder",
    keepAliveSeconds: order.keepAliveSeconds,
    // What a devbox is given is on its disk before its holder starts.
    sources: { codeHost: "" },
    host: () => () => Promise.resolve({ report, base }),
    limits: report.limits,
    egress: new EgressProxy()
  })
  const { db, ownerId } = engine
  if (!isStarting(db, id, order.from)) {
    release()
    throw new Error(`nobody waits for devbox ${id} any more`)
  }
  const can: Obeying = {
    suspend: (devbox) => suspend(engine, devbox),
    touch: (devbox) => touch(engine, devbox),
    snapshot: async (devbox, params) => (await startSnapshot(engine, devbox, params)).id,
    toError: toError("order")
  }
  let gone = false
  /** Ends that could not be written down: the disk is full, or somebody keeps the database. They must not end the holder. */
  const unwritten = new Map<string, ExecDone>()
  let later: NodeJS.Timeout | undefined
  const writeEnds = (): void => {
    clearTimeout(later)
    try {
      for (const [executionId, done] of unwritten) {
        recordEnd(db, id, executionId, done)
        unwritten.delete(executionId)
      }
    } catch {
      later = setTimeout(writeEnds, tryAgain)
    }
  }
  const { requests } = boxDirs(order.spec.dir)
  /** What a client that has gone wrote down and never sent will never run. Another one's is on its way for moments only. */
  const settleLost = (leftAt: number): void => {
    const settle = () => {
      if (gone) return
      const lost = openExecutionsOf(db, id).filter(
        (row) => row.start_time_ms <= leftAt && !holder.has(row.id) && !unwritten.has(row.id)
      )
      for (const row of lost) {
        for (const end of ["sh", "cmd"]) fs.rmSync(path.join(requests, `${row.id}.${end}`), { force: true })
        // Nobody was told that it started, unless it was to wait for its shell; its id is free again.
        if (row.shell_name === null) deleteExecution(db, id, row.id)
        else completeExecution(db, id, row.id, { failureReason: "owner_died", stdoutBytes: 0, stderrBytes: 0 })
      }
    }
    setTimeout(settle, onItsWay).unref()
  }
  const holder = await runHolder({
    spec: order.spec,
    socketPath,
    onStart: () => touch(engine, id),
    onExit: (executionId, done) => {
      touch(engine, id)
      // Commands of a client's own, for files and terminals, are written down nowhere.
      if (getExecution(db, id, executionId) === undefined) return
      unwritten.set(executionId, done)
      writeEnds()
    },
    onFailed: (executionId, reason) => {
      // What the end of the box cut off is completed when it is gone.
      if (reason === "closed") return
      try {
        // It never began, so its id is free again.
        deleteExecution(db, id, executionId)
      } catch {
        settleLost(Date.now())
      }
    },
    onOrder: (text) => obey(id, text, can),
    onLeave: () => settleLost(Date.now())
  }).catch((error: unknown) => {
    release()
    throw error
  })
  const live = enlist(engine, holder.box, true)
  keepOnline(engine, report, live, ends(engine).fail)
  await live.online
  const isOurs = handOver(db, id, order.from, ownerId)
  if (isOurs) await settleIn(engine, live, { mounts: decodeMounts(order.mounts), again: order.again }, ends(engine))
  else void holder.stop()

  let dismissed = false
  const finish = async (): Promise<void> => {
    await holder.closed
    writeEnds()
    clearTimeout(later)
    gone = true
    if (!isOurs) {
      // It was given up meanwhile, and whoever has it now says what becomes of it. Of one that has ended the start may have made a folder.
      if (rowOf(engine, id).status === "shutdown") await removeBox(engine, id)
      return release()
    }
    if (dismissed) live.ending = true
    await ended(engine, live)
    while (engine.background.size > 0) await Promise.all(engine.background)
    const row = rowOf(engine, id)
    if (row.shutdown_reason !== null) {
      // The status is written last: whoever sees it finds nothing of the devbox.
      await removeBox(engine, id)
      transition(db, id, "shutdown")
    } else if (dismissed) transition(db, id, "suspended", { detail: "its holder was asked to end" })
    release()
  }
  return {
    dismiss: () => {
      dismissed = true
      void holder.stop()
    },
    over: finish()
  }
}
