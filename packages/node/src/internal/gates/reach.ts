/** The way to a devbox from its gates: its box, its ports, and the words for why there is none of them now. */
import { BackendError, DevboxNotReady, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import type * as net from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import { GatewayError, notRunning, type Target } from "../gateway/target.ts"
import { touch } from "../local/clock.ts"
import { type Engine, rowOf, running } from "../local/engine.ts"
import { resume } from "../local/resume.ts"
import { dialSocket } from "../net/dial.ts"
import type { Box } from "../sandbox/types.ts"
import { leadsTo, tunnelByKey } from "../store/tunnels.ts"

/** What an SSH server needs of its devbox. */
export const reach = (
  engine: Engine,
  id: DevboxId
): {
  readonly box: () => Promise<Box>
  readonly dial: (port: number) => Promise<net.Socket>
  readonly heard: () => void
} => ({
  box: async () => (await running(engine, id)).live.box,
  dial: (port) => dialSocket(engine, id, port),
  heard: () => touch(engine, id)
})

const isRefusal = (error: unknown): boolean => error instanceof BackendError && error.reason._tag === "TransportError"

/** Why nothing answers, in the words of a page that anybody may see. */
const toGatewayError = (port: number, error: unknown): GatewayError => {
  if (error instanceof DevboxNotReady || error instanceof ResourceNotFound) return new GatewayError(503, notRunning)
  const detail = isRefusal(error)
    ? `Nothing listens on port ${port} in the devbox. Start a server there; it may listen on 127.0.0.1.`
    : `Port ${port} of the devbox could not be reached.`
  return new GatewayError(502, detail)
}

/** How long a request is held for a devbox to come back, and then for its server to listen. */
const comesBack = 60_000
const listens = 30_000
const look = 50

const onItsWay = ["provisioning", "initializing", "resuming"]

/** Waits for a devbox that is on its way, and brings one back that sleeps if it is to be woken. Says whether it had to. */
const awaken = async (engine: Engine, id: DevboxId, wake: boolean): Promise<boolean> => {
  const status = () => rowOf(engine, id).status
  const leave = (statuses: ReadonlyArray<string>) =>
    engine.news.until(id, () => (statuses.includes(status()) ? undefined : (true as const)), {
      foreign: true,
      millis: comesBack
    })
  if (status() === "running") return false
  if (wake && status() === "suspending") await leave(["suspending"])
  if (wake && status() === "suspended") await resume(engine, id)
  await leave(onItsWay)
  return true
}

const dialAwake = async (engine: Engine, id: DevboxId, port: number, wake: boolean): Promise<net.Socket> => {
  const woken = await awaken(engine, id, wake)
  const deadline = Date.now() + (woken ? listens : 0)
  for (;;) {
    try {
      return await dialSocket(engine, id, port)
    } catch (error) {
      // Its server starts with it, and tells nobody when it listens.
      if (!isRefusal(error) || Date.now() > deadline) throw error
      await pause(look)
    }
  }
}

/** The port behind a tunnel's key, as the database has it now. */
export const findTarget = (engine: Engine, key: string, port: number): Target | undefined => {
  const row = tunnelByKey(engine.db, key)
  if (row === undefined || !leadsTo(row, port)) return undefined
  const id = row.devbox_id as DevboxId
  return {
    key,
    port,
    token: row.auth_token ?? undefined,
    heard: row.http_keep_alive === 1 ? () => touch(engine, id) : () => {},
    dial: () =>
      dialAwake(engine, id, port, row.wake_on_http === 1).catch((error: unknown) => {
        throw toGatewayError(port, error)
      })
  }
}
