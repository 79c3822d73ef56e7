/**
 * The end of what is served: when a devbox is over, or its tunnel or keys have changed. Whoever ends a devbox calls it, so it knows
 * nothing of how gates are made.
 */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { setTimeout as pause } from "node:timers/promises"
import type { Engine } from "../local/engine.ts"
import type { DevboxRow } from "../store/devboxes.ts"
import { getGatekeeper } from "../store/gatekeeper.ts"
import { isOwnerAlive } from "../store/ownerLock.ts"
import { gatedDevboxes, type GatedRow } from "../store/tunnels.ts"
import type { Gates } from "./gates.ts"

/** How long a gatekeeper may take to leave, and how often it is looked for. */
const leaves = 10_000
const look = 5

/** The gates of this process, by engine. */
export const ownGates = new WeakMap<Engine, Gates>()

/** Ends what this process serves. */
export const closeGates = async (engine: Engine): Promise<void> => {
  await ownGates.get(engine)?.close()
}

/** Whether a devbox needs a gatekeeper now: one that is suspended does only when a request is to wake it. */
export const needsKeeper = (row: GatedRow): boolean => row.status !== "suspended" || row.wake_on_http === 1

const lives = (engine: Engine): boolean => {
  const keeper = getGatekeeper(engine.db)
  return keeper !== undefined && isOwnerAlive(engine.dir.owners, keeper.ownerId)
}

/** Whether there is a gatekeeper that serves. */
export const isKept = (engine: Engine): boolean => getGatekeeper(engine.db)?.leaving === false && lives(engine)

/** Lets nothing through any more that must not, and a gatekeeper that nobody needs now go. */
export const settleGate = async (engine: Engine, row: DevboxRow): Promise<void> => {
  await ownGates.get(engine)?.settle(row.id as DevboxId)
  if (row.detached === 0 || gatedDevboxes(engine.db).some(needsKeeper)) return
  const deadline = Date.now() + leaves
  // Its lock tells nobody by itself that it is gone.
  while (lives(engine) && Date.now() < deadline) await pause(look)
}
