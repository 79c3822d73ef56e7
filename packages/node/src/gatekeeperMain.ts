/**
 * The process that serves the SSH and the tunnels of the detached devboxes of one state folder: started with its order on stdin
 * by whoever first needs it, it answers `ready` on stdout, follows the database, and ends when no devbox needs it any more. Not
 * for people to run.
 */
import { text } from "node:stream/consumers"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { type GatekeeperOrder, gatesOf } from "./internal/gates/keeper.ts"
import { closeGates, isKept, needsKeeper } from "./internal/gates/settle.ts"
import { openEngine } from "./internal/local/owner.ts"
import { setGatekeeper } from "./internal/store/gatekeeper.ts"
import { gatedDevboxes, type GatedRow } from "./internal/store/tunnels.ts"

const keep = async (): Promise<void> => {
  const order = JSON.parse(await text(process.stdin)) as GatekeeperOrder
  const { close, engine } = openEngine(order.stateDir, order.options)
  const { db, ownerId } = engine
  process.stdout.on("error", () => {})
  const elected = db.transaction(() => {
    if (isKept(engine)) return false
    setGatekeeper(db, { ownerId, leaving: false })
    return true
  })
  if (!elected) {
    process.stdout.write("ready\n")
    return close()
  }
  // Terminals and process groups of whoever started us are not ours.
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {})
  const dismissed = new AbortController()
  process.on("SIGTERM", () => dismissed.abort())

  const gates = gatesOf(engine)
  let served = new Map<string, GatedRow>()
  const serve = async (rows: ReadonlyArray<GatedRow>) => {
    const before = served
    served = new Map(rows.map((row) => [row.id, row]))
    for (const id of before.keys()) await gates.settle(id as DevboxId)
    for (const row of rows) {
      // A devbox may have ended since the look; then there is nothing to serve.
      if (row.ssh === 1) await gates.ssh(row.id as DevboxId).catch(() => {})
      if (row.tunnel_key !== null) await gates.tunnel(row.id as DevboxId)
    }
  }
  /** What was served last: whatever differs from it, however soon it came, is news. */
  let known = ""
  for (;;) {
    const rows = await engine.news.until(
      "",
      () => {
        const now = gatedDevboxes(db)
        return JSON.stringify(now) === known ? undefined : now
      },
      { foreign: true, signal: dismissed.signal }
    )
    if (rows !== undefined) {
      await serve(rows)
      if (known === "") process.stdout.write("ready\n")
      known = JSON.stringify(rows)
    }
    // Nobody can add a devbox between the look and the word.
    const over = db.transaction(() => {
      const done = dismissed.signal.aborted || !gatedDevboxes(db).some(needsKeeper)
      if (done) setGatekeeper(db, { ownerId, leaving: true })
      return done
    })
    if (over) break
  }
  await closeGates(engine)
  await close()
  // Whoever waited for its end has seen it: nothing that lingers, such as a helper, may keep it.
  process.exit()
}

await keep().catch((error: unknown) => {
  process.stdout.write(`${(error instanceof Error ? error.message : String(error)).replaceAll("\n", " ")}\n`)
  process.exitCode = 1
})
