/** Network policies as the local backend uses them: whether one can be kept at all, and what it lets out now. */
import { type NetworkPolicyInfo, NetworkPolicyInfoJson } from "@effect-devbox/core/NetworkPolicies"
import { ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { NetworkMode } from "@effect-devbox/core/DevboxModel"
import * as Schema from "effect/Schema"
import { beyondProxy, everything, nothing, problem, type Rules, rulesOf } from "../net/rules.ts"
import type { Database } from "../store/database.ts"
import { getNetworkPolicy, type NetworkPolicyRow, putNetworkPolicy } from "../store/networkPolicies.ts"
import { invalid, missing } from "./errors.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(NetworkPolicyInfoJson))

/** A policy as users see it. */
export const policyOf = (row: NetworkPolicyRow): NetworkPolicyInfo => decode(row.policy)

const encode = Schema.encodeSync(Schema.fromJsonString(NetworkPolicyInfoJson))

/** Writes a policy down, unless it makes no sense. */
export const putPolicy = (db: Database, operation: string, info: NetworkPolicyInfo): void => {
  const wrong = problem(info.egress)
  if (wrong !== undefined) throw invalid(operation, wrong)
  putNetworkPolicy(db, { id: info.id, name: info.name, description: info.description ?? null, policy: encode(info) })
}

/** Throws unless a devbox of this mode keeps the policy truly. */
export const checkPolicy = (db: Database, id: string, mode: NetworkMode, tier: string): void => {
  const row = getNetworkPolicy(db, id)
  if (row === undefined) throw new ResourceNotFound({ resource: "network policy", id })
  if (mode === "none")
    throw invalid("create", 'the network mode "none" lets nothing out; leave the policy away, or take "proxy"')
  if (mode !== "proxy") {
    const where = tier === "process" ? "a devbox of the process tier" : `the network mode "${mode}"`
    throw missing(
      "create",
      "networkPolicy",
      `${where} cannot keep a network policy; the network mode "proxy" of an isolated devbox does`
    )
  }
  const wish = beyondProxy(policyOf(row).egress)
  if (wish !== undefined)
    throw missing("create", wish.feature, `the network policy ${id} cannot be kept: ${wish.detail}`)
}

/** What a devbox may reach now; without a policy the whole public internet. */
export const rulesNow = (db: Database, policyId: string | undefined): Rules => {
  if (policyId === undefined) return everything
  const row = getNetworkPolicy(db, policyId)
  return row === undefined ? nothing : rulesOf(policyOf(row).egress)
}
