/**
 * The tunnels of a backend under the names of a server: `{port}-{key}.tunnel.<host>`, beside the interface on its one port. Put it
 * between `DevboxServer.layer` and the backend. It opens no port of its own and decides nothing about who may have a tunnel.
 */
import { DevboxBackend, type Shape } from "@effect-devbox/core/DevboxBackend"
import { DevboxInfo } from "@effect-devbox/core/DevboxModel"
import { Tunnel } from "@effect-devbox/core/Network"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type HostRoute, HostRoutes } from "./DevboxServer.ts"
import { findIn } from "./internal/gates/anyBackend.ts"
import { engineOf } from "./internal/gates/engines.ts"
import { findTarget } from "./internal/gates/reach.ts"
import { type Gateway, makeGateway } from "./internal/gateway/gateway.ts"

/** What the server is called. */
export interface Options {
  /**
   * The server's address as clients have it, such as `https://devboxes.example.com`; names below `tunnel.` there have to lead to it,
   * too (a wildcard record). The tunnels' URLs then say it. Without it they stay as the backend gives them, which is right for
   * clients on the same machine.
   */
  readonly url?: string | undefined
}

/** The route of tunnels' names for `HostRoutes`; with the scope, what goes through it ends. */
export const makeRoute = (backend: Shape) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync((): Gateway => {
        const engine = engineOf(backend)
        return makeGateway(engine === undefined ? findIn(backend) : (key, port) => findTarget(engine, key, port))
      }),
      (gateway) => Effect.sync(gateway.close)
    ),
    (gateway): HostRoute => ({
      accepts: gateway.isFor,
      request: (request, response) => void gateway.onRequest(request, response),
      upgrade: (request, socket, head) => void gateway.onUpgrade(request, socket, head)
    })
  )

/** The backend whose tunnels say the server's address. */
const under = (backend: Shape, url: string): Shape => {
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

/** Serves the backend's tunnels by host name, for the server that this is provided to. */
export const layer = (options: Options = {}): Layer.Layer<DevboxBackend, never, DevboxBackend> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const route = yield* makeRoute(backend)
      const routes = yield* HostRoutes
      return Context.make(DevboxBackend, options.url === undefined ? backend : under(backend, options.url)).pipe(
        Context.add(HostRoutes, [...routes, route])
      )
    })
  )
