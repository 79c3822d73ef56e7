/**
 * Devboxes in Runloop's cloud, or on a server of ours, over any Effect `HttpClient`. Each operation is one request; waiting,
 * retrying and resuming are the service's. It is the client side of `DevboxApi` and knows no other wire.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { DevboxBackend, make as makeBackend, type Shape } from "./DevboxBackend.ts"
import type { BackendError } from "./DevboxError.ts"
import { commands } from "./internal/runloop/commands.ts"
import { type Facts, runloop, server } from "./internal/runloop/facts.ts"
import { files } from "./internal/runloop/files.ts"
import { lifecycle } from "./internal/runloop/lifecycle.ts"
import { network } from "./internal/runloop/network.ts"
import { snapshots } from "./internal/runloop/snapshots.ts"
import { makeTransport, type Transport } from "./internal/runloop/transport.ts"
import { extensions } from "./internal/api/extensions.ts"

/** Where Runloop's interface is. */
export const defaultBaseUrl = "https://api.runloop.ai"

/** How to reach the service. */
export interface Options {
  readonly apiKey: Redacted.Redacted
  /** Default {@link defaultBaseUrl}; a path in it is kept. */
  readonly baseUrl?: string | undefined
  /** The word for the backend in errors and spans; default `runloop`. */
  readonly name?: string | undefined
  /**
   * How long the answer to the start of a command may wait for its end, in whole seconds up to 25. A longer wait saves a
   * request when commands are short; a shorter one lets output of long commands be seen earlier. Default one second on Runloop
   * and none on a server of ours.
   */
  readonly optimisticTimeout?: Duration.Input | undefined
}

const transportTo = (options: Options) =>
  makeTransport({
    name: options.name ?? "runloop",
    baseUrl: options.baseUrl ?? defaultBaseUrl,
    apiKey: options.apiKey
  })

const build = (transport: Transport, facts: Facts, options: Options): Shape =>
  makeBackend({
    name: transport.peer.name,
    capabilities: facts.capabilities,
    ...lifecycle(transport, facts),
    ...snapshots(transport, facts),
    ...commands(transport, facts, {
      optimisticTimeout: Duration.fromInputUnsafe(options.optimisticTimeout ?? (facts.ours ? 0 : "1 second"))
    }),
    ...files(transport),
    ...network(transport, facts)
  })

/** The backend over Runloop's interface, by what Runloop documents; nothing is sent until something is asked for. */
export const make = (options: Options): Effect.Effect<Shape, never, HttpClient.HttpClient> =>
  Effect.map(transportTo(options), (transport) => build(transport, runloop, options))

/**
 * The backend over a server of ours, which is asked once what its backend can do: exact bytes, ids for commands with stdin,
 * environment for one command and the like.
 */
export const makeServer = (options: Options): Effect.Effect<Shape, BackendError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const transport = yield* transportTo(options)
    const said = yield* transport.call({ operation: "connect", reads: true }, transport.client(extensions).facts({}))
    return build(transport, server(said), options)
  })

/** Runloop's cloud. */
export const layer = (options: Options): Layer.Layer<DevboxBackend, never, HttpClient.HttpClient> =>
  Layer.effect(DevboxBackend, make(options))

/** A server of ours; see {@link makeServer}. */
export const layerServer = (options: Options): Layer.Layer<DevboxBackend, BackendError, HttpClient.HttpClient> =>
  Layer.effect(DevboxBackend, makeServer(options))

/** The options from the environment: `RUNLOOP_API_KEY` and, if it is set, `RUNLOOP_BASE_URL`. */
export const config = (): Config.Config<Pick<Options, "apiKey"> & { readonly baseUrl: string }> =>
  // A function, so that a program that does without it does not carry it.
  Config.all({
    apiKey: Config.Redacted("RUNLOOP_API_KEY"),
    baseUrl: Config.String("RUNLOOP_BASE_URL").pipe(
      Config.withDefault(""),
      // A blank variable counts as absent, as with the official clients.
      Config.map((url) => url.trim() || defaultBaseUrl)
    )
  })

/** Runloop's cloud, with the options of {@link config}. */
export const layerConfig = (
  options: Omit<Options, "apiKey" | "baseUrl"> = {}
): Layer.Layer<DevboxBackend, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(
    DevboxBackend,
    Effect.flatMap(config(), (found) => make({ ...options, ...found }))
  )
