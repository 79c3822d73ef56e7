/**
 * An HTTP client for Node that suits devboxes: HTTP/2 where the server has it, connections that are open before the first call,
 * and separate pools, so that held requests and transfers never stand in the way of short calls. It sends and receives; what is
 * sent is `RunloopBackend`'s.
 */
import type { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import type * as Undici from "@effect/platform-node/Undici"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { loadParts } from "./internal/http/undici.ts"
import { send, withShortWay } from "./internal/http/whole.ts"

/** How the client connects. */
export interface ClientOptions {
  /**
   * Whether HTTP/2 is used over TLS where the server offers it; default true. `"priorKnowledge"` uses it on plain `http://`, too,
   * where nothing can be offered: for servers that are known to speak it. Files are moved over HTTP/1.1 in any case.
   */
  readonly http2?: boolean | "priorKnowledge" | undefined
  /** Certificate authorities in place of the system's, as PEM. */
  readonly ca?: string | undefined
  /** The most connections for short calls; default 64. Holds, streams and transfers have their own and take what they need. */
  readonly connections?: number | undefined
  /** How many connections are opened at once when the layer is built; default 2, and 0 opens none before they are needed. */
  readonly primed?: number | undefined
}

/** Requests that last: one connection each where the server speaks HTTP/1.1. */
const holds = /\/(wait_for_status|stream_stdout_updates|stream_stderr_updates|evictions\/watch)(\?|$)/
/**
 * How many requests one connection of HTTP/2 carries at once, at most what the server allows. A connection that is lost takes all of
 * them along, so it is few.
 */
const streams = 4
/** Requests that move files. */
const transfers = /\/(upload_file|download_file|read_file_contents|write_file_contents)(\?|$)/

const makeDispatcher = (options: ClientOptions, origin: URL): Effect.Effect<Undici.Dispatcher, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { Agent, Dispatcher } = yield* Effect.promise(loadParts)
    const priorKnowledge = options.http2 === "priorKnowledge" && origin.protocol === "http:"
    const agent = (connections: number | undefined, http2 = options.http2 !== false) =>
      Effect.acquireRelease(
        Effect.sync(
          () =>
            new Agent({
              allowH2: http2,
              h2Options: { maxConcurrentStreams: streams },
              ...(http2 && priorKnowledge ? { useH2c: true } : {}),
              // Long enough for the pauses of a program that waits, short enough not to be surprised by a proxy.
              keepAliveTimeout: 30_000,
              connect: { timeout: 10_000, ...(options.ca === undefined ? {} : { ca: options.ca }) },
              ...(connections === undefined ? {} : { connections })
            })
        ),
        // Requests of a scope that is closed are of no use to anybody.
        (made) => Effect.promise(() => made.destroy())
      )
    const calls = yield* agent(options.connections ?? 64)
    // Never HTTP/2: when the source of an upload fails before its connection is set up, Node writes frames without end and eats all
    // memory (undici 8.12 on Node 24, as of November 2026). A connection of its own is what a transfer wants anyway.
    const pools = { calls, holds: yield* agent(undefined), transfers: yield* agent(undefined, false) }

    class Routed extends Dispatcher {
      override dispatch(
        request: Undici.Dispatcher.DispatchOptions,
        handler: Undici.Dispatcher.DispatchHandler
      ): boolean {
        const { path } = request
        const pool = holds.test(path) ? pools.holds : transfers.test(path) ? pools.transfers : pools.calls
        return pool.dispatch(request, handler)
      }
    }

    // A server that does not answer now is noticed by the first call, which says so better. Not HEAD: undici closes the connection after it.
    const open = Effect.ignore(send(calls, origin.origin, HttpClientRequest.get(origin.origin + origin.pathname), null))
    yield* Effect.forkScoped(
      Effect.all(
        Array.from({ length: options.primed ?? 2 }, () => open),
        { concurrency: "unbounded" }
      )
    )
    return new Routed()
  })

/** The platform's client over a dispatcher, loaded when something first wants it: short calls do not. */
const platformOver = (dispatcher: Undici.Dispatcher): Effect.Effect<HttpClient.HttpClient> => {
  let loaded: Promise<HttpClient.HttpClient> | undefined
  const load = async (): Promise<HttpClient.HttpClient> => {
    // Undici as a whole gives dispatchers the methods that the platform's client calls.
    const [{ Dispatcher, makeUndici }] = await Promise.all([
      import("@effect/platform-node/NodeHttpClient"),
      import("@effect/platform-node/Undici")
    ])
    return Effect.runSync(Effect.provideService(makeUndici, Dispatcher, dispatcher))
  }
  return Effect.promise(() => (loaded ??= load()))
}

/** The client for a base URL; everything it opened is closed with the layer's scope. */
export const layerClient = (
  baseUrl: string = RunloopBackend.defaultBaseUrl,
  options: ClientOptions = {}
): Layer.Layer<HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const url = new URL(baseUrl)
      const dispatcher = yield* makeDispatcher(options, url)
      return withShortWay(platformOver(dispatcher), dispatcher, url.origin)
    })
  )

/** Runloop's cloud over the client of this file. */
export const layerNode = (options: RunloopBackend.Options & ClientOptions): Layer.Layer<DevboxBackend> =>
  RunloopBackend.layer(options).pipe(Layer.provide(layerClient(options.baseUrl, options)))

/** As {@link layerNode}, with key and base URL from the environment. */
export const layerNodeConfig = (
  options: Omit<RunloopBackend.Options, "apiKey" | "baseUrl"> & ClientOptions = {}
): Layer.Layer<DevboxBackend, Config.ConfigError> =>
  Layer.unwrap(Effect.map(RunloopBackend.config(), (found) => layerNode({ ...options, ...found })))
