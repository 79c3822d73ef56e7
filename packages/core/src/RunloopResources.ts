/**
 * The neighbours of devboxes on Runloop's cloud, or on a server of ours: blueprints, storage objects, secrets and network
 * policies. Each layer is a store to provide to the service of the same noun; the wire is `DevboxApi`'s.
 */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { BlueprintStore } from "./Blueprints.ts"
import { blueprints } from "./internal/runloop/blueprints.ts"
import { networkPolicies } from "./internal/runloop/networkPolicies.ts"
import { objects } from "./internal/runloop/objects.ts"
import { secrets } from "./internal/runloop/secrets.ts"
import { makeTransport } from "./internal/runloop/transport.ts"
import { NetworkPolicyStore } from "./NetworkPolicies.ts"
import { defaultBaseUrl, type Options } from "./RunloopBackend.ts"
import { SecretStore } from "./Secrets.ts"
import { ObjectStore } from "./StorageObjects.ts"

/** How to reach the service; the same as for the backend. */
export type ResourceOptions = Omit<Options, "optimisticTimeout">

const transportTo = (options: ResourceOptions) =>
  makeTransport({
    name: options.name ?? "runloop",
    baseUrl: options.baseUrl ?? defaultBaseUrl,
    apiKey: options.apiKey
  })

/** Blueprints. */
export const layerBlueprints = (options: ResourceOptions): Layer.Layer<BlueprintStore, never, HttpClient.HttpClient> =>
  Layer.effect(BlueprintStore, Effect.map(transportTo(options), blueprints))

/** Storage objects. */
export const layerObjects = (options: ResourceOptions): Layer.Layer<ObjectStore, never, HttpClient.HttpClient> =>
  Layer.effect(
    ObjectStore,
    Effect.gen(function* () {
      return objects(yield* transportTo(options), yield* HttpClient.HttpClient)
    })
  )

/** Secrets. */
export const layerSecrets = (options: ResourceOptions): Layer.Layer<SecretStore, never, HttpClient.HttpClient> =>
  Layer.effect(SecretStore, Effect.map(transportTo(options), secrets))

/** Network policies. */
export const layerNetworkPolicies = (
  options: ResourceOptions
): Layer.Layer<NetworkPolicyStore, never, HttpClient.HttpClient> =>
  Layer.effect(NetworkPolicyStore, Effect.map(transportTo(options), networkPolicies))

/** All four. */
export const layer = (
  options: ResourceOptions
): Layer.Layer<BlueprintStore | NetworkPolicyStore | ObjectStore | SecretStore, never, HttpClient.HttpClient> =>
  Layer.mergeAll(layerBlueprints(options), layerObjects(options), layerSecrets(options), layerNetworkPolicies(options))
