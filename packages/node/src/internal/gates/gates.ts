/**
 * How devboxes are reached from outside: one SSH server each, and one gateway for the tunnels of all. Those of a devbox that
 * this process owns are here; those of detached ones are in a gatekeeper, a process that lives as long as one of them needs it.
 */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import type { ListeningGateway } from "../gateway/gateway.ts"
import type { Engine } from "../local/engine.ts"
import { getDevbox, isFinal } from "../store/devboxes.ts"
import { getSshHost, setSshPort, sshKeysOf } from "../store/ssh.ts"
import { getTunnel, leadsTo, setGatewayPort } from "../store/tunnels.ts"
import { startSshServer, type SshServer } from "../ssh/server.ts"
import { findTarget, reach } from "./reach.ts"

/** What of the outside world this process serves. */
export interface Gates {
  /** Serves the SSH of a devbox and says where. */
  readonly ssh: (id: DevboxId) => Promise<number>
  /** Serves the tunnel of a devbox and says where. */
  readonly tunnel: (id: DevboxId) => Promise<number>
  /** Makes what is served what the database says: what is not there any more ends, with all that goes through it. */
  readonly settle: (id: DevboxId) => Promise<void>
  readonly close: () => Promise<void>
}

/** The gates of an engine. */
export const makeGates = (engine: Engine): Gates => {
  const servers = new Map<string, Promise<SshServer>>()
  const tunnels = new Map<string, string>()
  let gateway: Promise<ListeningGateway> | undefined
  let closed = false

  /** HTTP/2 alone takes longer to load than a command takes, and most programs serve no tunnel. */
  const startGateway = async (wished: number | null | undefined): Promise<ListeningGateway> => {
    const { listenGateway } = await import("../gateway/gateway.ts")
    return listenGateway((key, port) => findTarget(engine, key, port), wished ?? undefined)
  }

  const serveSsh = (id: DevboxId): Promise<SshServer> => {
    const host = getSshHost(engine.db, id)
    if (host === undefined) return Promise.reject(new Error(`devbox ${id} has no SSH key any more`))
    return startSshServer({
      ...reach(engine, id),
      hostKey: host.host_key,
      port: host.port ?? undefined,
      keys: () => sshKeysOf(engine.db, id)
    })
  }

  return {
    ssh: async (id) => {
      let server = servers.get(id)
      if (server === undefined) {
        server = serveSsh(id)
        servers.set(id, server)
        server.catch(() => servers.delete(id))
      }
      const { port } = await server
      setSshPort(engine.db, id, port)
      return port
    },
    tunnel: async (id) => {
      const row = getTunnel(engine.db, id)
      const opened = (gateway ??= startGateway(row?.gateway_port))
      opened.catch(() => (gateway = undefined))
      const { port } = await opened
      if (row !== undefined) tunnels.set(id, row.tunnel_key)
      setGatewayPort(engine.db, id, port)
      return port
    },
    settle: async (id) => {
      const row = getDevbox(engine.db, id)
      const over = row === undefined || isFinal(row.status)
      const key = tunnels.get(id)
      if (key !== undefined) {
        const tunnel = over ? undefined : getTunnel(engine.db, id)
        if (tunnel === undefined) tunnels.delete(id)
        const open = await gateway
        open?.cut(key, tunnel === undefined ? undefined : (port) => leadsTo(tunnel, port))
      }
      const server = servers.get(id)
      if (server !== undefined && (over || getSshHost(engine.db, id) === undefined)) {
        servers.delete(id)
        await (await server).close()
      }
    },
    close: async () => {
      if (closed) return
      closed = true
      const all = [...servers.values(), ...(gateway === undefined ? [] : [gateway])]
      for (const opened of await Promise.allSettled(all)) if (opened.status === "fulfilled") await opened.value.close()
      servers.clear()
    }
  }
}
