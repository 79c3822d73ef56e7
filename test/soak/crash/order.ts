/** Whether a state directory that nobody uses is in order: everything in it has an owner, and every kept snapshot can be used. */
import { Devbox } from "@effect-devbox/core"
import { Effect, Exit } from "effect"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { local } from "../../node/local/fixtures.ts"
import { findLeaks } from "../../tools/findLeaks.ts"

const names = (dir: string): ReadonlyArray<string> => (existsSync(dir) ? readdirSync(dir) : [])

/** What the database says, as lists of ids. */
const known = (stateDir: string) => {
  const db = new DatabaseSync(join(stateDir, "state.db"), { readOnly: true, timeout: 10_000 })
  const ids = (sql: string): ReadonlyArray<string> =>
    db
      .prepare(sql)
      .all()
      .map((row) => String(row["id"]))
  try {
    return {
      suspended: ids("select id from devboxes where status = 'suspended'"),
      open: ids("select id from devboxes where status not in ('suspended', 'shutdown', 'failure')"),
      saving: ids("select id from snapshots where status = 'in_progress'"),
      running: ids("select id from executions where status <> 'completed'"),
      used: ids("select layer_id as id from devbox_layers union select layer_id from snapshot_layers"),
      layers: ids("select id from layers")
    }
  } finally {
    db.close()
  }
}

/** What is not in order, when nobody uses the directory and it was swept. */
export const disorder = (stateDir: string): ReadonlyArray<string> => {
  const rows = known(stateDir)
  const extra = (what: string, found: ReadonlyArray<string>, allowed: ReadonlyArray<string>) =>
    found.filter((id) => !allowed.includes(id)).map((id) => `${what} ${id}`)
  return [
    ...findLeaks({ stateDir })
      .filter(({ kind }) => kind !== "directory")
      .map((leak) => `${leak.kind} ${leak.what} (${leak.why})`),
    ...extra("a devbox nobody runs is open:", rows.open, []),
    ...extra("a snapshot nobody takes is in progress:", rows.saving, []),
    ...extra("an execution nobody follows is open:", rows.running, []),
    ...extra("folder of no devbox:", names(join(stateDir, "boxes")), rows.suspended),
    ...extra("folder of no layer:", names(join(stateDir, "layers")), rows.used),
    ...extra("layer that nothing is made of:", rows.layers, rows.used),
    ...extra("layer without a folder:", rows.used, names(join(stateDir, "layers"))),
    ...extra("lock or socket of nobody:", names(join(stateDir, "owners")), []),
    ...extra("trash:", names(join(stateDir, "trash")), [])
  ]
}

/** Uses every kept snapshot; says which does not hold its word. */
export const unusable = (stateDir: string, kept: ReadonlyMap<string, string>): Promise<ReadonlyArray<string>> =>
  Effect.forEach(
    Array.from(kept),
    ([snapshot, word]) =>
      Effect.scoped(Effect.flatMap(Devbox.create({ from: { snapshot } }), ({ file }) => file.read("word"))).pipe(
        Effect.exit,
        Effect.map((exit) =>
          Exit.isSuccess(exit) && exit.value === word ? [] : [`snapshot ${snapshot}: ${JSON.stringify(exit)}`]
        )
      ),
    { concurrency: 2 }
  ).pipe(
    Effect.map((all) => all.flat()),
    Effect.provide(local(stateDir)),
    Effect.runPromise
  )
