/** Tunnels as the contract has them: one for a devbox, for all its ports or for some. */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import type { Tunnel, TunnelOptions } from "@effect-devbox/core/Network"
import * as TunnelPorts from "@effect-devbox/core/TunnelPorts"
import { randomBytes } from "node:crypto"
import { requestOf } from "../local/bounds.ts"
import { type Engine, rowOf, running } from "../local/engine.ts"
import { deleteTunnel, getTunnel, portsOf, putTunnel } from "../store/tunnels.ts"
import { openGate } from "./keeper.ts"
import { settleGate } from "./settle.ts"
import { toTunnel } from "./tunnel.ts"

/** Lower case letters and digits: it is part of a host name. */
const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

/** A name that nobody can guess. */
const newKey = (): string => Array.from(randomBytes(20), (byte) => alphabet[byte % alphabet.length]!).join("")

/** Opens the tunnel of a devbox, whatever its state, or changes the one it has. What the options do not say of one port stays. */
export const openTunnel = async (engine: Engine, id: DevboxId, options: TunnelOptions): Promise<Tunnel> => {
  const triggers = requestOf(rowOf(engine, id)).launchParameters?.lifecycle?.resumeTriggers
  engine.db.transaction(() => {
    const before = getTunnel(engine.db, id)
    const stays = options.port === undefined ? undefined : before
    const authMode = options.authMode ?? stays?.auth_mode ?? "open"
    putTunnel(engine.db, {
      devbox_id: id,
      tunnel_key: before?.tunnel_key ?? newKey(),
      auth_mode: authMode,
      auth_token: authMode === "open" ? null : (before?.auth_token ?? randomBytes(32).toString("base64url")),
      http_keep_alive: (options.httpKeepAlive ?? (stays === undefined || stays.http_keep_alive === 1)) ? 1 : 0,
      wake_on_http: (triggers?.http ?? options.wakeOnHttp ?? stays?.wake_on_http === 1) ? 1 : 0,
      ports: JSON.stringify(TunnelPorts.open(before === undefined ? undefined : portsOf(before), options.port)),
      create_time_ms: before?.create_time_ms ?? Date.now()
    })
  })
  await openGate(engine, rowOf(engine, id), "tunnel")
  await settleGate(engine, rowOf(engine, id))
  return toTunnel(getTunnel(engine.db, id)!)
}

/** See the contract. */
export const enableTunnel = async (engine: Engine, id: DevboxId, options: TunnelOptions): Promise<Tunnel> => {
  await running(engine, id)
  return openTunnel(engine, id, options)
}

/** See the contract. The last of several ports takes the tunnel along. */
export const removeTunnel = async (engine: Engine, id: DevboxId, port: number | undefined): Promise<void> => {
  const { row } = await running(engine, id)
  engine.db.transaction(() => {
    const before = getTunnel(engine.db, id)
    if (before === undefined) return
    const ports = TunnelPorts.close(portsOf(before), port)
    if (ports === undefined) deleteTunnel(engine.db, id)
    else putTunnel(engine.db, { ...before, ports: JSON.stringify(ports) })
  })
  await settleGate(engine, row)
}
