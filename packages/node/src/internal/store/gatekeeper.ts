/**
 * Which owner is the gatekeeper of a state folder. It says that it leaves in the same transaction in which it sees that nobody
 * needs it, so that whoever needs one later starts another.
 */
import type { Database } from "./database.ts"

/** The gatekeeper, or the last one. Whether it lives is proven by its lock, as of any owner. */
export interface Gatekeeper {
  readonly ownerId: string
  readonly leaving: boolean
}

/** The gatekeeper, if there ever was one. */
export const getGatekeeper = (db: Database): Gatekeeper | undefined => {
  const row = db.first<{ readonly value: string }>("select value from meta where key = 'gatekeeper'")
  return row === undefined ? undefined : (JSON.parse(row.value) as Gatekeeper)
}

/** Writes the gatekeeper down. */
export const setGatekeeper = (db: Database, gatekeeper: Gatekeeper): void => {
  db.statement("insert or replace into meta (key, value) values ('gatekeeper', ?)").run(JSON.stringify(gatekeeper))
}
