/** This process as an owner of devboxes: it comes with a lock that proves that it lives, and goes when all of them have ended. */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { closeGates } from "../gates/settle.ts"
import { Door } from "../net/door.ts"
import { type World, world } from "../net/egress.ts"
import { EgressProxy } from "../net/proxy.ts"
import { openDevboxesOf, wishEnd } from "../store/devboxes.ts"
import { acquireOwnerLock } from "../store/ownerLock.ts"
import { endOwner, insertOwner } from "../store/owners.ts"
import { openStore } from "../store/store.ts"
import { removeBox, shutdown } from "./end.ts"
import { type Engine, inBackground } from "./engine.ts"
import { bestLimits, type HostOptions, makeHost } from "./host.ts"
import { makeNews } from "./news.ts"
import { bury, clean } from "./recovery.ts"
import { publicCode } from "./sources.ts"

/** An engine that must be closed. */
export interface OpenEngine {
  readonly engine: Engine
  readonly close: () => Promise<void>
}

/** Opens a state directory and puts in order what crashes left in it; folders are removed beside the caller. */
export const openEngine = (
  root: string,
  options: HostOptions & Pick<Engine, "keepAliveSeconds"> & Partial<Pick<Engine, "sources">>,
  around: World = world
): OpenEngine => {
  const { db, dir } = openStore(root)
  const lock = acquireOwnerLock(dir.owners)
  const ownerId = lock.id
  insertOwner(db, { id: ownerId, kind: "process", pid: process.pid, socket: null })
  const place = { dir, db }
  bury(place)
  const host = makeHost(dir, options)
  const engine: Engine = {
    dir,
    db,
    ownerId,
    keepAliveSeconds: options.keepAliveSeconds,
    sources: options.sources ?? { codeHost: publicCode },
    host,
    door: new Door(host),
    limits: bestLimits(options),
    egress: new EgressProxy(around),
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
  inBackground(engine, clean(place))
  const close = async () => {
    engine.closing = true
    for (const [id, box] of engine.stages) {
      wishEnd(db, id, "api_shutdown")
      void box.stop()
    }
    await Promise.allSettled([...engine.starting.values(), ...engine.attaching.values()])
    await Promise.allSettled([...engine.live.values()].flatMap(({ box, owned }) => (owned ? [] : [box.detach()])))
    // Suspended ones too. A detached one that is ours is on its way to a holder, and was waited for.
    await Promise.allSettled(
      openDevboxesOf(db, ownerId).flatMap((row) =>
        row.detached === 1 ? [] : [shutdown(engine, row.id as DevboxId, { force: true })]
      )
    )
    await closeGates(engine)
    await Promise.allSettled([...engine.failed].map((id) => removeBox(engine, id)))
    while (engine.background.size > 0) await Promise.all(engine.background)
    engine.door.close()
    engine.egress.close()
    endOwner(db, ownerId)
    lock.release()
    db.close()
  }
  return { engine, close }
}
