/**
 * Network policies: whom devboxes may talk to. A request has its rules flat, an answer has them under `egress`, as on the wire.
 * `NetworkPolicies` is the service you use, derived from any `NetworkPolicyStore`, the service you implement.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Page } from "./DevboxBackend.ts"
import type { BackendError, LookupError } from "./DevboxError.ts"
import { type Cursor, listing } from "./internal/listing.ts"
import { idempotent, keyed, once } from "./internal/retry.ts"
import { nullish, snakeCase } from "./internal/snakeCase.ts"

/** The id of a network policy, such as `np_01h…`. */
export const NetworkPolicyId = Schema.String.pipe(Schema.brand("effect-devbox/NetworkPolicyId"))
export type NetworkPolicyId = typeof NetworkPolicyId.Type

/** A range of IPv4 addresses, and the ports there. */
export const CidrRule = Schema.Struct({
  cidr: Schema.String,
  ports: nullish(
    Schema.Array(
      snakeCase(
        Schema.Struct({
          port: Schema.Int,
          endPort: nullish(Schema.Int),
          protocol: nullish(Schema.Literals(["TCP", "UDP"]))
        })
      )
    )
  )
})

const flag = nullish(Schema.Boolean)

const rules = {
  /** Everything, which includes other devboxes and the mirrors. */
  allowAll: flag,
  allowDevboxToDevbox: flag,
  allowAgentGateway: flag,
  allowMcpGateway: flag,
  allowRunloopMirrors: flag,
  /** Names, in which `*` may stand for a part. */
  allowedHostnames: nullish(Schema.Array(Schema.String)),
  allowedCidrs: nullish(Schema.Array(CidrRule))
}

/** What may leave a devbox. Without anything allowed nothing may. */
export class EgressRules extends Schema.Class<EgressRules>("effect-devbox/EgressRules")(rules) {}

/** A policy to make. */
export class NetworkPolicyParams extends Schema.Class<NetworkPolicyParams>("effect-devbox/NetworkPolicyParams")({
  name: Schema.String,
  description: nullish(Schema.String),
  ...rules
}) {}

/** The JSON form of {@link NetworkPolicyParams}. */
export const NetworkPolicyParamsJson = snakeCase(NetworkPolicyParams)

/** A change of a policy: absent keeps, present replaces. */
export class NetworkPolicyChange extends Schema.Class<NetworkPolicyChange>("effect-devbox/NetworkPolicyChange")({
  name: nullish(Schema.String),
  description: nullish(Schema.String),
  ...rules
}) {}

/** The JSON form of {@link NetworkPolicyChange}. */
export const NetworkPolicyChangeJson = snakeCase(NetworkPolicyChange)

/** What a policy is. */
export class NetworkPolicyInfo extends Schema.Class<NetworkPolicyInfo>("effect-devbox/NetworkPolicyInfo")({
  id: NetworkPolicyId,
  name: Schema.String,
  description: nullish(Schema.String),
  createTimeMs: Schema.Int,
  updateTimeMs: Schema.Int,
  egress: snakeCase(EgressRules)
}) {}

/** The JSON form of {@link NetworkPolicyInfo}. */
export const NetworkPolicyInfoJson = snakeCase(NetworkPolicyInfo)

/** Which policies to list: by a part of the name, or by a text anywhere. */
export interface NetworkPolicyFilter {
  readonly name?: string | undefined
  readonly search?: string | undefined
}

/** The service you implement: each operation is one request. */
export class NetworkPolicyStore extends Context.Service<
  NetworkPolicyStore,
  {
    readonly name: string
    readonly create: (params: NetworkPolicyParams) => Effect.Effect<NetworkPolicyInfo, BackendError>
    readonly get: (id: NetworkPolicyId) => Effect.Effect<NetworkPolicyInfo, LookupError>
    readonly update: (id: NetworkPolicyId, change: NetworkPolicyChange) => Effect.Effect<NetworkPolicyInfo, LookupError>
    readonly delete: (id: NetworkPolicyId) => Effect.Effect<void, LookupError>
    readonly list: (query: NetworkPolicyFilter & Cursor) => Effect.Effect<Page<NetworkPolicyInfo>, BackendError>
  }
>()("effect-devbox/NetworkPolicyStore") {}

const make = (store: typeof NetworkPolicyStore.Service) => {
  const span = (name: string, id?: NetworkPolicyId) =>
    Effect.withSpan(`NetworkPolicies.${name}`, {
      attributes: { backend: store.name, ...(id === undefined ? {} : { "network_policy.id": id }) }
    })
  return {
    create: (params: NetworkPolicyParams) => once(store.create(new NetworkPolicyParams(params))).pipe(span("create")),
    get: (id: NetworkPolicyId) => idempotent(store.get(id)).pipe(span("get", id)),
    update: (id: NetworkPolicyId, change: NetworkPolicyChange) =>
      keyed(store.update(id, new NetworkPolicyChange(change))).pipe(span("update", id)),
    delete: (id: NetworkPolicyId) => keyed(store.delete(id)).pipe(span("delete", id)),
    /** Every policy that fits, a page at a time. */
    list: (filter: NetworkPolicyFilter = {}): Stream.Stream<NetworkPolicyInfo, BackendError> =>
      listing(store.name, (cursor) => store.list({ ...filter, ...cursor }))
  }
}

/** The service you use. Provide `layer` with a store. */
export class NetworkPolicies extends Context.Service<NetworkPolicies, ReturnType<typeof make>>()(
  "effect-devbox/NetworkPolicies"
) {
  /** The service over whatever store is provided. */
  static readonly layer: Layer.Layer<NetworkPolicies, never, NetworkPolicyStore> = Layer.effect(
    NetworkPolicies,
    Effect.map(NetworkPolicyStore, make)
  )
}
