/** This process as an owner of devboxes: it comes with a lock that proves that it lives, and goes when all of them have ended. */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { closeGates } from "../gates/settle.ts"
import { type World, world } from "../net/egress.ts"
import { EgressProxy } from "../net/proxy.ts"
import { openDevboxesOf, wishEnd } from "../store/devboxes.ts"
import { holdersGone, removeBox, shutdown } from "./end.ts"
import { type Engine, inBackground } from "./engine.ts"
import { bestLimits, type HostOptions, makeHost } from "./host.ts"
import { own } from "./owning.ts"
import { clean } from "./recovery.ts"
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
  const { engine, release } = own(root, {
    kind: "process",
    keepAliveSeconds: options.keepAliveSeconds,
    sources: options.sources ?? { codeHost: publicCode },
    host: ({ dir }) => makeHost(dir, options),
    limits: bestLimits(options),
    egress: new EgressProxy(around)
  })
  engine.bury()
  inBackground(engine, clean(engine))
  const close = async () => {
    engine.closing = true
    for (const [id, box] of engine.stages) {
      wishEnd(engine.db, id, "api_shutdown")
      void box.stop()
    }
    await Promise.allSettled([...engine.starting.values(), ...engine.attaching.values()])
    await Promise.allSettled([...engine.live.values()].flatMap(({ box, owned }) => (owned ? [] : [box.detach()])))
    // Suspended ones too. A detached one that is ours is on its way to a holder, and was waited for.
    await Promise.allSettled(
      openDevboxesOf(engine.db, engine.ownerId).flatMap((row) =>
        row.detached === 1 ? [] : [shutdown(engine, row.id as DevboxId, { force: true })]
      )
    )
    await holdersGone(engine).catch(() => {})
    await closeGates(engine)
    await Promise.allSettled([...engine.failed].map((id) => removeBox(engine, id)))
    while (engine.background.size > 0) await Promise.all(engine.background)
    release()
  }
  return { engine, close }
}
