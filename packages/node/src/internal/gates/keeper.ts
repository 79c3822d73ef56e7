/** Who serves the gates of a devbox: this process for its own, the gatekeeper of the state folder for detached ones. */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { UnavailableError } from "@effect-devbox/core/DevboxError"
import { ready, startProcess } from "../local/detached.ts"
import type { Engine } from "../local/engine.ts"
import { backendError } from "../local/errors.ts"
import type { HostOptions } from "../local/host.ts"
import type { DevboxRow } from "../store/devboxes.ts"
import { getSshHost } from "../store/ssh.ts"
import { gatedDevboxes, getTunnel } from "../store/tunnels.ts"
import { type Gates, makeGates } from "./gates.ts"
import { isKept, needsKeeper, ownGates } from "./settle.ts"

/** What a gatekeeper is told, as JSON on its stdin. */
export interface GatekeeperOrder {
  readonly stateDir: string
  readonly options: HostOptions & { readonly keepAliveSeconds: number }
}

/** How long a gatekeeper may take to serve what is new to it. */
const patience = 10_000

/** The gates of this process. */
export const gatesOf = (engine: Engine): Gates => {
  let gates = ownGates.get(engine)
  if (gates === undefined) ownGates.set(engine, (gates = makeGates(engine)))
  return gates
}

const portOf = (engine: Engine, id: string, kind: "ssh" | "tunnel"): number | undefined =>
  (kind === "ssh" ? getSshHost(engine.db, id)?.port : getTunnel(engine.db, id)?.gateway_port) ?? undefined

/** Starts a gatekeeper, unless there is one. It has written down where it serves what when it answers. */
const startKeeper = async (engine: Engine): Promise<void> => {
  if (isKept(engine)) return
  const { report } = await engine.host()
  const options: GatekeeperOrder["options"] = {
    keepAliveSeconds: engine.keepAliveSeconds,
    bubblewrap: report.launcher === "bubblewrap" ? report.tools["bwrap"] : false,
    tier: report.tier === "process" ? "process" : undefined
  }
  const order: GatekeeperOrder = { stateDir: engine.dir.root, options }
  const answer = await startProcess("gatekeeperMain", order)
  if (answer !== ready) {
    throw backendError("openGate", new UnavailableError({ detail: `the gatekeeper did not start: ${answer}` }))
  }
}

/** Makes sure that a devbox is served, and says at which port. */
export const openGate = async (engine: Engine, row: DevboxRow, kind: "ssh" | "tunnel"): Promise<number> => {
  const id = row.id as DevboxId
  if (row.detached === 0) return gatesOf(engine)[kind](id)
  await startKeeper(engine)
  const port = await engine.news.until(id, () => portOf(engine, id, kind), { foreign: true, millis: patience })
  if (port !== undefined) return port
  throw backendError("openGate", new UnavailableError({ detail: `the gatekeeper does not serve devbox ${id}` }))
}

/** Starts the gatekeeper when a detached devbox needs one and it has died, or the devbox was suspended meanwhile. */
export const reopenGates = async (engine: Engine): Promise<void> => {
  if (gatedDevboxes(engine.db).some(needsKeeper)) await startKeeper(engine)
}
