/**
 * The network policies of devboxes on this machine, in the same state folder. Provide `layer` to `NetworkPolicies`, and name a
 * policy in a devbox's launch parameters. In a name a leading `*.` stands for one label or more, any other `*` for a part of one, and
 * `*` alone for every name. A change of a policy holds from a devbox's next connection on, and a devbox whose
 * policy was deleted reaches nothing. It enforces nothing itself: the proxy of the local backend does.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type BackendError, type LookupError, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import {
  EgressRules,
  type NetworkPolicyChange,
  NetworkPolicyId,
  NetworkPolicyInfo,
  type NetworkPolicyParams,
  NetworkPolicyStore
} from "@effect-devbox/core/NetworkPolicies"
import { given } from "./internal/given.ts"
import { attempt, backendName } from "./internal/local/errors.ts"
import { policyOf, putPolicy } from "./internal/local/policy.ts"
import type { Database } from "./internal/store/database.ts"
import {
  deleteNetworkPolicy,
  getNetworkPolicy,
  listNetworkPolicies,
  type NetworkPolicyRow
} from "./internal/store/networkPolicies.ts"
import { defaultStateDir, openStore } from "./internal/store/store.ts"

/**
 * The policies that the local backend looks at, for whoever keeps them elsewhere: what is put here by its id is in force. A
 * `DevboxServer` over the local backend does so with the policies of its callers.
 */
export class Book extends Context.Service<
  Book,
  {
    readonly put: (info: NetworkPolicyInfo) => Effect.Effect<void, BackendError>
    readonly remove: (id: NetworkPolicyId) => Effect.Effect<void, BackendError>
  }
>()("effect-devbox/LocalNetworkPolicies/Book") {}

/** Where policies lie. */
export interface Options {
  /** The state folder of the local backend; the same default. */
  readonly stateDir?: string | undefined
}

const write = (db: Database, operation: string, info: NetworkPolicyInfo): NetworkPolicyInfo => {
  putPolicy(db, operation, info)
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
            ...given({ name, description }),
            updateTimeMs: Date.now(),
            egress: new EgressRules({ ...before.egress, ...given(egress) })
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

/** As {@link layer}; `EFFECT_DEVBOX_STATE_DIR` says what the options do not, as it does for the local backend. */
export const layerConfig = (
  options: Options = {}
): Layer.Layer<NetworkPolicyStore, BackendError | Config.ConfigError> =>
  Layer.unwrap(
    Effect.map(Config.option(Config.String("EFFECT_DEVBOX_STATE_DIR")), (stateDir) =>
      layer({ stateDir: Option.getOrUndefined(stateDir), ...options })
    )
  )
