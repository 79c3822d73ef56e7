/** Tunnels of any backend that can dial, through its contract alone. */
import type { Shape } from "@effect-devbox/core/DevboxBackend"
import type { DevboxId, DevboxInfo } from "@effect-devbox/core/DevboxModel"
import type { Tunnel } from "@effect-devbox/core/Network"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Duplex, PassThrough, Readable } from "node:stream"
import { setTimeout as pause } from "node:timers/promises"
import { type Find, GatewayError, notRunning, type Target } from "../gateway/target.ts"

/** How often all devboxes may be looked through for a key, and how often traffic is told as activity. */
const lookEvery = 1000
const keepAliveEvery = 10_000
const comesBack = Duration.seconds(60)
const pageSize = 100

type Tunnelled = DevboxInfo & { readonly tunnel: Tunnel }

const isOf = (key: string, info: DevboxInfo | undefined): info is Tunnelled => info?.tunnel?.tunnelKey === key

/** The devbox whose tunnel has a key. A key says nothing of where to look, so all are looked through, but not for every guess. */
const finder = (backend: Shape): ((key: string) => Promise<Tunnelled | undefined>) => {
  const ids = new Map<string, DevboxId>()
  let last = 0
  let looking: Promise<void> | undefined
  const look = async (): Promise<void> => {
    for (let startingAfter: string | undefined; ;) {
      const page = await Effect.runPromise(backend.list({ limit: pageSize, startingAfter }))
      for (const { id, tunnel } of page.items) if (tunnel !== undefined) ids.set(tunnel.tunnelKey, id)
      startingAfter = page.items.at(-1)?.id
      if (!page.hasMore || startingAfter === undefined) return
    }
  }
  const get = async (key: string): Promise<Tunnelled | undefined> => {
    const id = ids.get(key)
    const info = id === undefined ? undefined : await Effect.runPromise(Effect.option(backend.get(id)))
    const found = info?._tag === "Some" ? info.value : undefined
    return isOf(key, found) ? found : undefined
  }
  return async (key) => {
    const known = await get(key)
    if (known !== undefined) return known
    if (looking === undefined && Date.now() - last >= lookEvery) {
      looking = look().finally(() => {
        last = Date.now()
        looking = undefined
      })
    }
    await looking
    return get(key)
  }
}

/** A connection of the contract as a stream that Node's HTTP takes for a socket. */
const connect = async (backend: Shape, id: DevboxId, port: number): Promise<Duplex> => {
  const scope = Effect.runSync(Scope.make())
  const close = () => void Effect.runFork(Scope.close(scope, Exit.void))
  try {
    const { readable, writable } = await Effect.runPromise(Scope.provide(backend.dial(id, port), scope))
    const inwards = new PassThrough()
    const sent = NodeStream.fromReadable<Uint8Array, unknown>({ evaluate: () => inwards, onError: (error) => error })
    const duplex = Duplex.from({ readable: Readable.from(Stream.toAsyncIterable(readable)), writable: inwards })
    Effect.runPromise(Stream.run(sent, writable)).catch((error: unknown) => duplex.destroy(error as Error))
    duplex.once("close", close)
    const nothing = () => duplex
    return Object.assign(duplex, {
      setTimeout: nothing,
      setKeepAlive: nothing,
      setNoDelay: nothing,
      ref: nothing,
      unref: nothing
    })
  } catch (error) {
    close()
    throw error
  }
}

/** Brings a sleeping devbox back and waits until it runs, or does not. */
const wake = async (backend: Shape, id: DevboxId): Promise<void> => {
  await Effect.runPromise(backend.resume(id))
  const statuses = ["running", "failure", "shutdown"] as const
  const ends = Date.now() + Duration.toMillis(comesBack)
  while (Date.now() < ends) {
    const info = await Effect.runPromise(
      backend.waitForStatus === undefined ? backend.get(id) : backend.waitForStatus(id, statuses, comesBack)
    )
    if ((statuses as ReadonlyArray<string>).includes(info.status)) return
    await pause(200)
  }
}

/** What is behind the keys of a backend's tunnels. */
export const findIn = (backend: Shape): Find => {
  const find = finder(backend)
  const told = new Map<string, number>()
  return async (key, port): Promise<Target | undefined> => {
    const info = await find(key)
    if (info === undefined || info.tunnel.ports?.includes(port) === false) return undefined
    const { id, tunnel } = info
    const heard = () => {
      const now = Date.now()
      if (!tunnel.httpKeepAlive || now - (told.get(id) ?? 0) < keepAliveEvery) return
      told.set(id, now)
      Effect.runFork(Effect.ignore(backend.keepAlive(id)))
    }
    return {
      key,
      port,
      token: tunnel.authToken === undefined ? undefined : Redacted.value(tunnel.authToken),
      heard,
      dial: async () => {
        try {
          if (tunnel.wakeOnHttp && (info.status === "suspended" || info.status === "suspending"))
            await wake(backend, id)
          return await connect(backend, id, port)
        } catch {
          const runs = info.status === "running" || tunnel.wakeOnHttp
          throw runs
            ? new GatewayError(502, `Nothing answers on port ${port}. Start a server there.`)
            : new GatewayError(503, notRunning)
        }
      }
    }
  }
}
