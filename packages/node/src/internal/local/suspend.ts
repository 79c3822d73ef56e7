/** Suspension: the suspend commands get their time, then every process ends and the disk stays. */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { type DevboxRow, transition } from "../store/devboxes.ts"
import { appendLogs } from "../store/logs.ts"
import { requestOf } from "./bounds.ts"
import { ended } from "./end.ts"
import { type Engine, inBackground, insist, isOurs, type Live, notReady, rowOf, running } from "./engine.ts"
import { orderSuspend } from "./orders.ts"
import { runCommand } from "./setup.ts"
import { settledDisk } from "./snapshots.ts"

const defaultDeadline = 30_000
const longestDeadline = 60_000

/** Runs the suspend commands, in order, until their time is over. Whatever they do, the devbox is suspended. */
const runHooks = async (engine: Engine, live: Live, row: DevboxRow): Promise<void> => {
  const hooks = requestOf(row).launchParameters?.lifecycle?.lifecycleHooks
  const commands = hooks?.suspendCommands ?? []
  if (commands.length === 0) return
  const millis = Math.min(hooks?.suspendDeadlineMs ?? defaultDeadline, longestDeadline)
  const late = Promise.withResolvers<true>()
  const timer = setTimeout(() => late.resolve(true), millis)
  const run = async (): Promise<false> => {
    for (const command of commands) await runCommand(engine, live, row.id, command, "suspend")
    return false
  }
  if (await Promise.race([run().catch(() => false), late.promise])) {
    const message = `the suspend commands did not end within ${millis} ms; the devbox is suspended without them`
    appendLogs(engine.db, row.id, [{ level: "error", source: "setup_commands", message, cmd_id: null }])
  }
  clearTimeout(timer)
}

const goToSleep = async (engine: Engine, live: Live, row: DevboxRow): Promise<void> => {
  await runHooks(engine, live, row)
  await settledDisk(engine, row.id)
  // A shutdown that came meanwhile has ended the box already.
  live.ending = true
  const rest = async () => {
    await live.box.stop()
    await ended(engine, live)
    transition(engine.db, row.id, "suspended", { ifStatus: "suspending" })
    engine.news.changed(row.id)
  }
  await rest().catch(() => insist(engine, rest))
}

/** Suspends a devbox; returns when that has begun. */
export const suspend = async (engine: Engine, id: DevboxId): Promise<void> => {
  const before = rowOf(engine, id)
  if (before.status === "suspending" || before.status === "suspended") return
  const { live, row } = await running(engine, id)
  if (!isOurs(engine, row)) return void (await orderSuspend(live))
  if (!transition(engine.db, id, "suspending", { ifStatus: "running", ifOwner: engine.ownerId })) {
    const now = rowOf(engine, id)
    if (now.status === "suspending" || now.status === "suspended") return
    throw notReady(now)
  }
  clearTimeout(live.timer)
  engine.news.changed(id)
  inBackground(engine, goToSleep(engine, live, row))
}
