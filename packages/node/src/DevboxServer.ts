/**
 * A server that speaks the devbox interface over any `DevboxBackend`, to every client that has one: one port for HTTP/1.1 and
 * HTTP/2, keys with separate views, limits, and state that survives. It carries requests and keeps them apart; what a request
 * does is the handlers' and the backend's.
 */
import { ApiKeys } from "@effect-devbox/core/ApiKeys"
import { DevboxApi } from "@effect-devbox/core/DevboxApi"
import * as DevboxApiHandlers from "@effect-devbox/core/DevboxApiHandlers"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import * as HeldRequests from "@effect-devbox/core/HeldRequests"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiScalar from "effect/http-api/HttpApiScalar"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { layerAnswers } from "./internal/server/answers.ts"
import * as LocalNetworkPolicies from "./LocalNetworkPolicies.ts"
import { contentRoutes } from "./internal/server/contents.ts"
import { shutDownAll, takeStock } from "./internal/server/estate.ts"
import { type ServerFolder, openFolder } from "./internal/server/folder.ts"
import { checkKey, fixedKey, keyInFile } from "./internal/server/keys.ts"
import { tunnelRoutes, tunnelsUnder } from "./internal/gates/route.ts"
import { type Certificate, type HostRoute, makeListener } from "./internal/server/listener.ts"
import { type LimitOptions, limitBodies, toLimits } from "./internal/server/limits.ts"
import { checkObjects, lendObjects } from "./internal/server/mounts.ts"
import { openObjects } from "./internal/server/objectFiles.ts"
import { layerObjects } from "./internal/server/objects.ts"
import { enforceAll, layerPolicies } from "./internal/server/policies.ts"
import { type Allowed, prepare } from "./internal/server/prepare.ts"
import { layerSecrets } from "./internal/server/secrets.ts"
import { share } from "./internal/server/shares.ts"
import { keepApart } from "./internal/server/tenancy.ts"
import { probes } from "./internal/server/probes.ts"
import { defaultStateDir } from "./internal/store/store.ts"

export type { Certificate, HostRoute } from "./internal/server/listener.ts"
export type { LimitOptions } from "./internal/server/limits.ts"
export type { Allowed } from "./internal/server/prepare.ts"

/** How to serve. */
export interface Options {
  /** Default 4800; 0 is any that is free. */
  readonly port?: number | undefined
  /** Default 127.0.0.1: nobody but this machine. */
  readonly host?: string | undefined
  /**
   * Who may call. Each entry is a key and the name of whose it is; what one has made, the others do not see. Default: one
   * key, made at the first start and kept in the file `key` of the state folder.
   */
  readonly auth?: { readonly keys: Readonly<Record<string, Redacted.Redacted>> } | undefined
  /**
   * Whose keys read `/metrics`, which tell of all callers together. Default: `["default"]`, whose key the server makes itself, and
   * `devbox serve` has.
   */
  readonly operators?: ReadonlyArray<string> | undefined
  /** Serves TLS. */
  readonly certificate?: Certificate | undefined
  /** Where keys, answers and objects are kept; default the folder `server` of the local backend's state folder. */
  readonly stateDir?: string | undefined
  /**
   * The address under which clients know the server, where a proxy stands before it; default what each request says. Tunnels then have
   * names below it (`{port}-{key}.tunnel.<its host>`), which have to lead here, too; without it their URLs are for this machine.
   */
  readonly publicUrl?: string | undefined
  /** What callers may ask for beyond devboxes that are closed off from this machine. Default: nothing. */
  readonly allow?: Allowed | undefined
  /** What becomes of the devboxes when the server stops; default `"keep"`, and the next one has them. */
  readonly onExit?: "keep" | "shutdown" | undefined
  /** How long requests that are being answered may still take when the server stops; default 10 seconds. */
  readonly graceTime?: Duration.Input | undefined
  readonly limits?: LimitOptions | undefined
}

/** The server cannot start. */
export class ServerStartError extends Schema.TaggedError<ServerStartError>()("ServerStartError", {
  detail: Schema.String
}) {
  override get message(): string {
    return `the devbox server cannot start: ${this.detail}`
  }
}

/** A server that runs as long as its layer. */
export class DevboxServer extends Context.Service<
  DevboxServer,
  {
    /** Where clients find it, if they are on this machine or `host` is a name that they know. */
    readonly url: string
    readonly port: number
    /** The file with the key, where the server made one itself and nobody revoked it. */
    readonly keyFile: string | undefined
    /** The key, if it was made at this start. It is shown once, here; later only the file has it. */
    readonly newKey: Redacted.Redacted | undefined
    /** How many connections are open, and requests held. */
    readonly load: Effect.Effect<{ readonly connections: number; readonly held: number }>
  }
>()("effect-devbox/DevboxServer") {}

/** Requests for host names of their own, such as those of tunnels, that never reach the interface. Empty by default. */
export const HostRoutes = Context.Reference<ReadonlyArray<HostRoute>>("effect-devbox/HostRoutes", {
  defaultValue: () => []
})

const startError = (cause: unknown) =>
  new ServerStartError({ detail: cause instanceof Error ? cause.message : String(cause) })

const starting = <A>(what: () => A): Effect.Effect<A, ServerStartError> =>
  Effect.try({
    try: what,
    catch: startError
  })

/** Whose the one key is that the server makes itself. */
const owner = "default"

/** Who may call: the keys that are given, or the one in the file, and those that were added. */
const auth = (folder: ServerFolder, options: Options) =>
  Effect.map(
    starting(() => (options.auth === undefined ? keyInFile(folder.db, folder.keyFile, owner) : undefined)),
    (made) => {
      const fixed = Object.entries(options.auth?.keys ?? {}).map(([tenant, key]) =>
        fixedKey(tenant, Redacted.value(key))
      )
      const layer = Layer.succeed(ApiKeys, {
        check: (key) =>
          Effect.sync(() => {
            const id = checkKey(folder.db, fixed, Redacted.value(key))
            return id === undefined ? undefined : { id }
          })
      })
      return {
        layer,
        keyFile: made?.isRevoked === false ? folder.keyFile : undefined,
        newKey: made?.isNew === true ? Redacted.make(made.key) : undefined
      }
    }
  )

const isLoopback = (host: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host)

/**
 * Serves a backend.
 *
 * **Details**
 *
 * The interface is at `/v1`, its document at `/openapi.json`, a page to read it at `/docs`, and for those who watch over it
 * `/healthz`, `/readyz` and, with an operator's key, `/metrics` in the format of Prometheus. When the layer's scope closes the server takes
 * no more connections, answers what it holds with 408, ends streams so that clients resume, and waits for the rest.
 *
 * What is sent to `{port}-{key}.tunnel.<any host>` goes through the tunnel of that key, if the backend has tunnels and can dial.
 */
export const layer = (options: Options = {}): Layer.Layer<DevboxServer, ServerStartError, DevboxBackend> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { certificate, host = "127.0.0.1", port = 4800 } = options
      const folder = yield* Effect.acquireRelease(
        starting(() => openFolder(options.stateDir ?? join(defaultStateDir(), "server"))),
        ({ db }) => Effect.sync(() => db.close())
      )
      const { keyFile, layer: keys, newKey } = yield* auth(folder, options)
      const limits = toLimits(options.limits)
      const own = yield* DevboxBackend
      const backend = options.publicUrl === undefined ? own : tunnelsUnder(own, options.publicUrl)
      const hostRoutes = [...(yield* HostRoutes), ...(yield* tunnelRoutes(own))]
      const held = yield* HeldRequests.make(limits.held, { perCaller: limits.heldPerCaller })
      const listener = yield* starting(() => makeListener(limits, certificate, hostRoutes))
      if (certificate === undefined && !isLoopback(host)) {
        yield* Effect.logWarning(
          `The devbox server listens on ${host} without TLS: keys can be read on the way. Give it a certificate, or put a proxy with one before it.`
        )
      }
      const book = Option.getOrUndefined(yield* Effect.serviceOption(LocalNetworkPolicies.Book))
      yield* enforceAll(folder.db, book)
      const open = yield* Effect.catch(takeStock(backend, folder.db), (error) =>
        Effect.as(
          Effect.logWarning(
            `what the backend has could not be listed, so that some of it may be missing: ${error.message}`
          ),
          []
        )
      )
      const objects = openObjects(folder.db, folder.objects)
      yield* lendObjects(own, objects)
      const ready = prepare(folder.db, options.allow ?? {}, checkObjects(own, objects))
      const load = Effect.sync(() => ({ connections: listener.open(), held: held.count() }))
      const routes = Layer.mergeAll(
        DevboxApiHandlers.layer,
        HttpApiScalar.layer(DevboxApi, { path: "/docs" }),
        contentRoutes(objects)
      ).pipe(
        Layer.provide([
          Layer.succeed(DevboxBackend, share(keepApart(backend, folder.db, ready), limits.shares, open)),
          layerAnswers(folder.db),
          layerObjects(objects, options.publicUrl),
          layerPolicies(folder.db, book),
          layerSecrets(folder.db)
        ]),
        // These watch over the backend itself.
        Layer.merge(probes(load, options.operators ?? [owner])),
        Layer.provide(keys)
      )
      const serving = HttpRouter.serve(routes, {
        disableLogger: true,
        disableListenLog: true,
        middleware: limitBodies(options.limits)
      }).pipe(Layer.provide(Layer.succeed(HeldRequests.HeldRequests, held)))

      const stop = Effect.gen(function* () {
        listener.retire()
        yield* held.end
        yield* Effect.timeoutOption(
          Effect.promise(() => listener.drained()),
          options.graceTime ?? "10 seconds"
        )
        listener.cut()
        if (options.onExit === "shutdown") yield* shutDownAll(backend)
      })
      return Layer.effect(
        DevboxServer,
        Effect.gen(function* () {
          const { address } = yield* HttpServer.HttpServer
          const bound = "port" in address ? address.port : port
          yield* Effect.addFinalizer(() => stop)
          const name = host.includes(":") ? `[${host}]` : host
          return {
            url: `${certificate === undefined ? "http" : "https"}://${name}:${bound}`,
            port: bound,
            keyFile,
            newKey,
            load
          }
        })
      ).pipe(
        Layer.provide(serving),
        // A cast: it emits what an `http.Server` emits, which is all that is used of one.
        Layer.provide(NodeHttpServer.layer(() => listener.server as never, { port, host, backlog: 4096 })),
        Layer.catchTag("ServeError", ({ cause }) => Layer.effect(DevboxServer, Effect.fail(startError(cause))))
      )
    })
  )

/** As {@link layer}; `EFFECT_DEVBOX_SERVER_PORT`, `_HOST`, `_STATE_DIR` and `_KEY` say what the options do not. */
export const layerConfig = (
  options: Options = {}
): Layer.Layer<DevboxServer, ServerStartError | Config.ConfigError, DevboxBackend> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const port = yield* Config.option(Config.Int("EFFECT_DEVBOX_SERVER_PORT"))
      const host = yield* Config.option(Config.String("EFFECT_DEVBOX_SERVER_HOST"))
      const stateDir = yield* Config.option(Config.String("EFFECT_DEVBOX_SERVER_STATE_DIR"))
      const key = yield* Config.option(Config.Redacted("EFFECT_DEVBOX_SERVER_KEY"))
      return layer({
        port: Option.getOrUndefined(port),
        host: Option.getOrUndefined(host),
        stateDir: Option.getOrUndefined(stateDir),
        auth: Option.getOrUndefined(Option.map(key, (given) => ({ keys: { [owner]: given } }))),
        ...options
      })
    })
  )
