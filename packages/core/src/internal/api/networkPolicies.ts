/** The endpoints of network policies (PROTOCOL P11). */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { NetworkPolicyChangeJson, NetworkPolicyInfoJson, NetworkPolicyParamsJson } from "../../NetworkPolicies.ts"
import { byId, pageFields, pageQuery, queryText } from "./common.ts"
import { failures } from "./failures.ts"

/** A page of policies. */
export const NetworkPolicyPage = Schema.Struct({ network_policies: Schema.Array(NetworkPolicyInfoJson), ...pageFields })

const one = { params: byId, success: NetworkPolicyInfoJson, error: failures } as const

/** See above. */
export class NetworkPoliciesApi extends HttpApiGroup.make("networkPolicies").add(
  HttpApiEndpoint.post("create", "/v1/network-policies", {
    payload: NetworkPolicyParamsJson,
    success: NetworkPolicyInfoJson,
    error: failures
  }),
  HttpApiEndpoint.get("list", "/v1/network-policies", {
    query: { ...pageQuery, id: queryText, name: queryText, search: queryText },
    success: NetworkPolicyPage,
    error: failures
  }),
  HttpApiEndpoint.get("retrieve", "/v1/network-policies/:id", one),
  HttpApiEndpoint.post("update", "/v1/network-policies/:id", {
    ...one,
    payload: [NetworkPolicyChangeJson, Schema.Null]
  }),
  HttpApiEndpoint.post("delete", "/v1/network-policies/:id/delete", one)
) {}
