/** The endpoints of network policies (PROTOCOL P11). */
import * as Schema from "effect/Schema"
import { NetworkPolicyChangeJson, NetworkPolicyInfoJson, NetworkPolicyParamsJson } from "../../NetworkPolicies.ts"
import { byId, pageFields, pageQuery, queryText } from "./common.ts"
import type { Describe } from "./describe.ts"

/** A page of policies. */
export const NetworkPolicyPage = Schema.Struct({ network_policies: Schema.Array(NetworkPolicyInfoJson), ...pageFields })

/** The endpoints. */
export const networkPolicies = ({ failures, get, post }: Describe) => {
  const one = { params: byId, success: NetworkPolicyInfoJson, error: failures } as const
  return [
    post("create", "/v1/network-policies", {
      payload: NetworkPolicyParamsJson,
      success: NetworkPolicyInfoJson,
      error: failures
    }),
    get("list", "/v1/network-policies", {
      query: { ...pageQuery, id: queryText, name: queryText, search: queryText },
      success: NetworkPolicyPage,
      error: failures
    }),
    get("retrieve", "/v1/network-policies/:id", one),
    post("update", "/v1/network-policies/:id", {
      ...one,
      payload: [NetworkPolicyChangeJson, Schema.Null]
    }),
    post("delete", "/v1/network-policies/:id/delete", one)
  ] as const
}
