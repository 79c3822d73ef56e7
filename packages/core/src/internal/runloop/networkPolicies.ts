/** Network policies over the wire. */
import * as Effect from "effect/Effect"
import type { NetworkPolicyId, NetworkPolicyStore } from "../../NetworkPolicies.ts"
import { defined } from "../defined.ts"
import { page } from "./lifecycle.ts"
import type { Ask, Transport } from "./transport.ts"
import { networkPolicies as described } from "../api/networkPolicies.ts"

const about = (operation: string, id: NetworkPolicyId) =>
  ({
    operation,
    about: { resource: "network policy", id },
    fails: ["ResourceNotFound"]
  }) satisfies Ask<"ResourceNotFound">

/** See `NetworkPolicyStore`. */
export const networkPolicies = (transport: Transport): typeof NetworkPolicyStore.Service => {
  const { call, peer } = transport
  const api = transport.client(described)
  return {
    name: peer.name,
    create: (payload) => call({ operation: "createNetworkPolicy" }, api.create({ payload })),
    get: (id) => call({ ...about("getNetworkPolicy", id), reads: true }, api.retrieve({ params: { id } })),
    update: (id, payload) => call(about("updateNetworkPolicy", id), api.update({ params: { id }, payload })),
    delete: (id) => Effect.asVoid(call(about("deleteNetworkPolicy", id), api.delete({ params: { id } }))),
    list: ({ limit, name, search, startingAfter }) =>
      call(
        { operation: "listNetworkPolicies", reads: true },
        api.list({
          query: { ...defined({ limit, starting_after: startingAfter, name, search }), include_total_count: false }
        })
      ).pipe(Effect.map((answer) => page(answer.network_policies, answer.has_more, limit)))
  }
}
