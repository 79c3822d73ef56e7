/** Network policies as the local backend uses them: whether one can be kept at all, and what it lets out now. */
import { type NetworkPolicyInfo, NetworkPolicyInfoJson } from "@effect-devbox/core/NetworkPolicies"
import { ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { NetworkMode } from "@effect-devbox/core/DevboxModel"
import * as Schema from "effect/Schema"
import { beyondProxy, everything, nothing, type Rules, rulesOf } from "../net/rules.ts"
import type { Database } from "../store/database.ts"
import { getNetworkPolicy, type NetworkPolicyRow } from "../store/networkPolicies.ts"
import { invalid, missing } from "./errors.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(NetworkPolicyInfoJson))

/** A policy as users see it. */
export const policyOf = (row: NetworkPolicyRow): NetworkPolicyInfo => decode(row.policy)

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
