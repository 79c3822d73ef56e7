/** A process as an owner of devboxes: the lock that proves that it lives, what is written down of it, and an engine that has nothing yet. */
import * as path from "node:path"
import { Door } from "../net/door.ts"
import { acquireOwnerLock } from "../store/ownerLock.ts"
import { endOwner, insertOwner, type OwnerRow } from "../store/owners.ts"
import { openStore } from "../store/store.ts"
import type { Place } from "./disk.ts"
import type { Engine } from "./engine.ts"
import { makeNews } from "./news.ts"
import { bury } from "./recovery.ts"

/** See above. */
export interface Owning {
  readonly engine: Engine
  /** Where a holder is to be spoken to. */
  readonly socketPath: string
  /** Ends the ownership; nothing of the engine can be used afterwards. */
  readonly release: () => void
}

/** What owners differ in. */
export interface OwnerParts extends Pick<Engine, "egress" | "keepAliveSeconds" | "limits" | "sources"> {
  readonly kind: OwnerRow["kind"]
  readonly host: (place: Place) => Engine["host"]
}

/** Becomes an owner in a state directory. */
export const own = (root: string, { host: hostIn, kind, ...parts }: OwnerParts): Owning => {
  const { db, dir } = openStore(root)
  const lock = acquireOwnerLock(dir.owners)
  const socketPath = path.join(dir.owners, `${lock.id}.sock`)
  insertOwner(db, { id: lock.id, kind, pid: process.pid, socket: kind === "holder" ? socketPath : null })
  const place = { dir, db }
  const host = hostIn(place)
  const engine: Engine = {
    ...place,
    ...parts,
    ownerId: lock.id,
    host,
    door: new Door(host),
    news: makeNews(dir.database),
    bury: () => void bury(place),
    live: new Map(),
    attaching: new Map(),
    closing: false,
    starting: new Map(),
    stages: new Map(),
    saving: new Map(),
    failed: new Set(),
    background: new Set()
  }
  const release = () => {
    engine.door.close()
    engine.egress.close()
    endOwner(db, lock.id)
    lock.release()
    db.close()
  }
  return { engine, socketPath, release }
}
