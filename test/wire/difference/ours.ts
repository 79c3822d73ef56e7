/** Everything of ours that sends requests: the backend, the stores, and the described interface itself for calls they have no use for. */
import type * as DevboxBackend from "@effect-devbox/core/DevboxBackend"
import { BlueprintStore } from "@effect-devbox/core/Blueprints"
import { NetworkPolicyStore } from "@effect-devbox/core/NetworkPolicies"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import * as RunloopResources from "@effect-devbox/core/RunloopResources"
import { SecretStore } from "@effect-devbox/core/Secrets"
import { ObjectStore } from "@effect-devbox/core/StorageObjects"
import * as RunloopNode from "@effect-devbox/node/RunloopNode"
import { Effect, Layer, type Redacted } from "effect"
import { makeTransport, type Transport } from "../../../packages/core/src/internal/runloop/transport.ts"

/** See above. */
export interface Ours {
  readonly backend: DevboxBackend.Shape
  readonly blueprints: typeof BlueprintStore.Service
  readonly objects: typeof ObjectStore.Service
  readonly secrets: typeof SecretStore.Service
  readonly policies: typeof NetworkPolicyStore.Service
  readonly client: Transport["client"]
}

/** Runs something of ours against a server. */
export const withOurs = <A>(
  options: { readonly apiKey: Redacted.Redacted; readonly baseUrl: string },
  use: (ours: Ours) => Effect.Effect<A, unknown>
): Promise<A> =>
  Effect.gen(function* () {
    return yield* use({
      backend: yield* RunloopBackend.make(options),
      blueprints: yield* BlueprintStore,
      objects: yield* ObjectStore,
      secrets: yield* SecretStore,
      policies: yield* NetworkPolicyStore,
      client: (yield* makeTransport({ name: "runloop", ...options })).client
    })
  }).pipe(
    Effect.provide(
      RunloopResources.layer(options).pipe(Layer.provideMerge(RunloopNode.layerClient(options.baseUrl, { primed: 0 })))
    ),
    Effect.runPromise
  )
