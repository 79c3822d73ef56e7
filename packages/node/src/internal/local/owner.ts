/** This process as an owner of devboxes: it comes with a lock that proves that it lives, and goes when all of them have ended. */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { randomUUID } from "node:crypto"
import { getDevbox } from "../store/devboxes.ts"
import { Door } from "../net/door.ts"
import { acquireOwnerLock } from "../store/ownerLock.ts"
import { endOwner, insertOwner } from "../store/owners.ts"
import { openStore } from "../store/store.ts"
import { removeBox, shutdown } from "./end.ts"
import { type Engine, inBackground } from "./engine.ts"
import { type HostOptions, makeHost } from "./host.ts"
import { makeNews } from "./news.ts"
import { bury, clean } from "./recovery.ts"

/** An engine that must be closed. */
export interface OpenEngine {
  readonly engine: Engine
  readonly close: () => Promise<void>
}

/** Opens a state directory and puts in order what crashes left in it; folders are removed beside the caller. */
export const openEngine = (root: string, options: HostOptions): OpenEngine => {
  const { db, dir } = openStore(root)
  const ownerId = randomUUID()
  const lock = acquireOwnerLock(dir.owners, ownerId)
  insertOwner(db, { id: ownerId, kind: "process", pid: process.pid, socket: null })
  const place = { dir, db }
  bury(place)
  const host = makeHost(dir.root, options)
  const engine: Engine = {
    dir,
    db,
    ownerId,
    host,
    door: new Door(host),
    news: makeNews(dir.database),
    bury: () => void bury(place),
    live: new Map(),
    attaching: new Map(),
    closing: false,
    creating: new Set(),
    failed: new Set(),
    background: new Set()
  }
  inBackground(engine, clean(place))
  const close = async () => {
    engine.closing = true
    await Promise.allSettled([...engine.creating, ...engine.attaching.values()])
    await Promise.allSettled(
      [...engine.live.values()].map(({ box }) =>
        getDevbox(db, box.id)?.detached === 1 ? box.detach() : shutdown(engine, box.id as DevboxId)
      )
    )
    await Promise.allSettled([...engine.failed].map((id) => removeBox(engine, id)))
    while (engine.background.size > 0) await Promise.all(engine.background)
    engine.door.close()
    endOwner(db, ownerId)
    lock.release()
    db.close()
  }
  return { engine, close }
}
