/**
 * The network policies of devboxes on this machine, in the same state folder. Provide `layer` to `NetworkPolicies`, and name a
 * policy in a devbox's launch parameters. A change of a policy holds from a devbox's next connection on, and a devbox whose
 * policy was deleted reaches nothing. It enforces nothing itself: the proxy of the local backend does.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { type BackendError, type LookupError, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import {
  EgressRules,
  type NetworkPolicyChange,
  NetworkPolicyId,
  NetworkPolicyInfo,
  NetworkPolicyInfoJson,
  type NetworkPolicyParams,
  NetworkPolicyStore
} from "@effect-devbox/core/NetworkPolicies"
import { attempt, backendName, invalid } from "./internal/local/errors.ts"
import { policyOf } from "./internal/local/policy.ts"
import { problem } from "./internal/net/rules.ts"
import type { Database } from "./internal/store/database.ts"
import {
  deleteNetworkPolicy,
  getNetworkPolicy,
  listNetworkPolicies,
  type NetworkPolicyRow,
  putNetworkPolicy
} from "./internal/store/networkPolicies.ts"
import { defaultStateDir, openStore } from "./internal/store/store.ts"

/** Where policies lie. */
export interface Options {
  /** The state folder of the local backend; the same default. */
  readonly stateDir?: string | undefined
}

const toJson = Schema.encodeSync(Schema.fromJsonString(NetworkPolicyInfoJson))

const write = (db: Database, operation: string, info: NetworkPolicyInfo): NetworkPolicyInfo => {
  const wrong = problem(info.egress)
  if (wrong !== undefined) throw invalid(operation, wrong)
  putNetworkPolicy(db, {
    id: info.id,
    name: info.name,
    description: info.description ?? null,
    policy: toJson(info)
  })
  return info
}

const rowOf = (db: Database, id: NetworkPolicyId): NetworkPolicyRow => {
  const row = getNetworkPolicy(db, id)
  if (row === undefined) throw new ResourceNotFound({ resource: "network policy", id })
  return row
}

const store = (db: Database): typeof NetworkPolicyStore.Service => ({
  name: backendName,
  create: ({ description, name, ...egress }: NetworkPolicyParams) =>
    attempt("createNetworkPolicy", () => {
      const now = Date.now()
      const id = NetworkPolicyId.make(`np_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`)
      const info = { id, name, createTimeMs: now, updateTimeMs: now, egress: new EgressRules(egress) }
      return write(
        db,
        "createNetworkPolicy",
        new NetworkPolicyInfo(description === undefined ? info : { ...info, description })
      )
    }),
  get: (id) => attempt<LookupError, NetworkPolicyInfo>("getNetworkPolicy", () => policyOf(rowOf(db, id))),
  update: (id, { description, name, ...egress }: NetworkPolicyChange) =>
    attempt<LookupError, NetworkPolicyInfo>("updateNetworkPolicy", () =>
      db.transaction(() => {
        const before = policyOf(rowOf(db, id))
        return write(
          db,
          "updateNetworkPolicy",
          new NetworkPolicyInfo({
            ...before,
            updateTimeMs: Date.now(),
            egress: new EgressRules({ ...before.egress, ...egress }),
            ...(name === undefined ? {} : { name }),
            ...(description === undefined ? {} : { description })
          })
        )
      })
    ),
  delete: (id) =>
    attempt<LookupError, void>("deleteNetworkPolicy", () => {
      if (!deleteNetworkPolicy(db, id)) throw new ResourceNotFound({ resource: "network policy", id })
    }),
  list: ({ limit, ...query }) =>
    attempt("listNetworkPolicies", () => {
      const rows = listNetworkPolicies(db, { ...query, limit: limit + 1 })
      return { items: rows.slice(0, limit).map(policyOf), hasMore: rows.length > limit }
    })
})

/** The policies of a state folder. */
export const layer = (options: Options = {}): Layer.Layer<NetworkPolicyStore, BackendError> =>
  Layer.effect(
    NetworkPolicyStore,
    Effect.map(
      Effect.acquireRelease(
        attempt("openNetworkPolicies", () => openStore(options.stateDir ?? defaultStateDir()).db),
        (db) => Effect.sync(db.close)
      ),
      store
    )
  )
