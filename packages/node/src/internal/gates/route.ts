/**
 * The tunnels of a backend under the names of a server: `{port}-{key}.tunnel.<host>`, beside the interface on its one port. It decides
 * nothing about who may have a tunnel.
 */
import type { Shape } from "@effect-devbox/core/DevboxBackend"
import { DevboxInfo } from "@effect-devbox/core/DevboxModel"
import { Tunnel } from "@effect-devbox/core/Network"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Gateway, makeGateway } from "../gateway/gateway.ts"
import type { HostRoute } from "../server/listener.ts"
import { findIn } from "./anyBackend.ts"
import { engineOf } from "./engines.ts"
import { findTarget } from "./reach.ts"

/** The routes of tunnels' names: one, or none for a backend without tunnels or a way in. What goes through it ends with the scope. */
export const tunnelRoutes = (backend: Shape): Effect.Effect<ReadonlyArray<HostRoute>, never, Scope.Scope> => {
  const { features } = backend.capabilities
  if (!features.has("tunnel") || !features.has("dial")) return Effect.succeed([])
  return Effect.map(
    Effect.acquireRelease(
      Effect.sync((): Gateway => {
        const engine = engineOf(backend)
        return makeGateway(engine === undefined ? findIn(backend) : (key, port) => findTarget(engine, key, port))
      }),
      (gateway) => Effect.sync(gateway.close)
    ),
    (gateway): ReadonlyArray<HostRoute> => [
      {
        accepts: gateway.isFor,
        request: (request, response) => void gateway.onRequest(request, response),
        upgrade: (request, socket, head) => void gateway.onUpgrade(request, socket, head)
      }
    ]
  )
}

/** The backend whose tunnels say the server's address. */
export const tunnelsUnder = (backend: Shape, url: string): Shape => {
  const { host, protocol } = new URL(url)
  const named = (tunnel: Tunnel): Tunnel =>
    new Tunnel({ ...tunnel, urlTemplate: `${protocol}//{port}-${tunnel.tunnelKey}.tunnel.${host}` })
  const info = (one: DevboxInfo): DevboxInfo =>
    one.tunnel === undefined ? one : new DevboxInfo({ ...one, tunnel: named(one.tunnel) })
  const { waitForStatus } = backend
  return {
    ...backend,
    create: (params) => Effect.map(backend.create(params), info),
    get: (id) => Effect.map(backend.get(id), info),
    list: (query) => Effect.map(backend.list(query), (page) => ({ ...page, items: page.items.map(info) })),
    update: (id, change) => Effect.map(backend.update(id, change), info),
    suspend: (id) => Effect.map(backend.suspend(id), info),
    resume: (id) => Effect.map(backend.resume(id), info),
    shutdown: (id, options) => Effect.map(backend.shutdown(id, options), info),
    enableTunnel: (id, options) => Effect.map(backend.enableTunnel(id, options), named),
    ...(waitForStatus === undefined ? {} : { waitForStatus: (...args) => Effect.map(waitForStatus(...args), info) })
  }
}
