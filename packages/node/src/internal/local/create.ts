/** The creation of a devbox: what was asked for is checked before anything exists, and nothing is left when it fails. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Schema from "effect/Schema"
import { CreateParams, CreateParamsJson, DevboxId, type NetworkMode } from "@effect-devbox/core/DevboxModel"
import { openTunnel } from "../gates/tunnels.ts"
import { insertDevbox, transition } from "../store/devboxes.ts"
import { insertLayer, type LayerRow, layersOf, setLayers } from "../store/layers.ts"
import { appendLogs } from "../store/logs.ts"
import type { SnapshotRow } from "../store/snapshots.ts"
import { boot } from "./boot.ts"
import { renewExpiry } from "./clock.ts"
import { newLayerId, shortest } from "./disk.ts"
import { removeBox } from "./end.ts"
import { type Engine, inBackground, rowOf } from "./engine.ts"
import { invalid } from "./errors.ts"
import { checkIsolation, type Host } from "./host.ts"
import { networkOf } from "./network.ts"
import { checkMounts, checkRequest, withSecrets } from "./request.ts"
import { snapshotRow } from "./snapshots.ts"
import { needsStage } from "./stage.ts"

const encodeRequest = Schema.encodeSync(Schema.fromJsonString(CreateParamsJson))

/** What the layer's options say about every devbox. */
export interface Defaults {
  readonly minimumIsolation: "isolated" | "container" | "process"
  readonly network: NetworkMode
  readonly tier: "process" | undefined
}

/** Starts a devbox. What needs time (launch commands, files) goes on beside the caller. */
export const create = async (engine: Engine, params: CreateParams, options: Defaults): Promise<DevboxId> => {
  checkRequest(params, engine.sources)
  if (engine.closing) throw invalid("create", "the local backend is closed, or closing; create within its scope")
  // Before the first wait: from now on the end of the layer waits for it.
  const id = DevboxId.make(`dbx_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`)
  const making = make(engine, id, params, options)
  const settled = making.catch(() => {}).finally(() => engine.starting.delete(`creating ${id}`))
  engine.starting.set(`creating ${id}`, settled)
  await making
  return id
}

/** What a devbox begins with: the layers of a snapshot, or nothing. */
interface Beginning {
  readonly snapshot: SnapshotRow | undefined
  readonly layers: ReadonlyArray<LayerRow>
}

const beginning = (engine: Engine, host: Host, params: CreateParams): Beginning => {
  if (params.snapshotId === undefined) return { snapshot: undefined, layers: [] }
  const snapshot = snapshotRow(engine, params.snapshotId)
  if (snapshot.status !== "complete") {
    throw invalid("create", `snapshot ${snapshot.id} is ${snapshot.status}, not complete; wait for it, or take another`)
  }
  const layers = shortest(engine.db, layersOf(engine.db, "snapshot", snapshot.id))
  const isHome = layers.some((layer) => layer.format === "home")
  if (isHome !== (host.report.tier === "process")) {
    const of = isHome ? "the process tier" : "an isolated devbox"
    throw invalid("create", `snapshot ${snapshot.id} is of ${of} and cannot be used in the tier ${host.report.tier}`)
  }
  return { snapshot, layers }
}

const make = async (engine: Engine, id: DevboxId, params: CreateParams, options: Defaults): Promise<void> => {
  const host = await engine.host()
  checkIsolation(host.report, params.minimumIsolation ?? options.minimumIsolation)
  await checkMounts(engine.sources, host.report, params)
  const { limits, tier } = host.report
  const network = networkOf(engine.db, host.report, params, options.network)
  // Values given for this devbox may be secret: they lie in its own folder, which goes with it, and nowhere else.
  const { environmentVariables, metadata, mounts, ...kept } = params
  const env = await withSecrets(engine.sources, environmentVariables, params.secrets)
  const { layers, snapshot } = engine.db.transaction(() => {
    const begins = beginning(engine, host, params)
    insertDevbox(engine.db, {
      id,
      owner_id: engine.ownerId,
      detached: params.detached === true ? 1 : 0,
      status: "provisioning",
      name: params.name ?? null,
      metadata: JSON.stringify(metadata ?? {}),
      request: encodeRequest(new CreateParams(kept)),
      create_time_ms: Date.now(),
      snapshot_id: params.snapshotId ?? null,
      isolation: tier,
      network,
      limits: JSON.stringify(limits)
    })
    if (tier !== "process") {
      const upper = newLayerId()
      insertLayer(engine.db, { id: upper, format: "overlay" })
      setLayers(engine.db, "devbox", id, [upper, ...begins.layers.map((layer) => layer.id)])
    }
    renewExpiry(engine, rowOf(engine, id))
    return begins
  })
  if (snapshot !== undefined && snapshot.host_fingerprint !== host.base.fingerprint) {
    const message = `snapshot ${snapshot.id} was taken on another state of this machine's system: programs that it relies on may have changed`
    appendLogs(engine.db, id, [{ level: "warn", source: "setup_commands", message, cmd_id: null }])
  }
  const home = tier === "process" ? layers[0]?.id : undefined
  const begin = async (): Promise<void> => {
    // Before its processes: what listens for it then finds it, and a failure has nothing to undo but this.
    if (params.tunnel !== undefined) await openTunnel(engine, id, params.tunnel)
    await boot(engine, id, { again: false, mounts, home, kept: { env } })
  }
  const booting = begin().catch(async (error: unknown) => {
    const detail = error instanceof Error ? error.message : String(error)
    // Whoever wished its end meanwhile gets that, and not a failure.
    if (rowOf(engine, id).shutdown_reason !== null) transition(engine.db, id, "shutdown", { detail })
    else {
      appendLogs(engine.db, id, [{ level: "error", source: "setup_commands", message: detail, cmd_id: null }])
      transition(engine.db, id, "failure", { failureReason: "execution_failed", detail })
    }
    await removeBox(engine, id).catch(() => {})
    engine.news.changed(id)
    throw error
  })
  if (needsStage({ user: params.launchParameters?.userParameters, mounts: mounts ?? [] })) inBackground(engine, booting)
  else await booting
}
