/** The endpoints of network policies, over a store where there is one. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { DevboxApi } from "../../DevboxApi.ts"
import { NetworkPolicyChange, NetworkPolicyId, NetworkPolicyStore } from "../../NetworkPolicies.ts"
import { having } from "./neighbour.ts"

/** See above. */
export const networkPoliciesHandlers = HttpApiBuilder.group(
  DevboxApi,
  "networkPolicies",
  Effect.fn(function* (handlers) {
    const withStore = yield* having(NetworkPolicyStore, "network policies")
    return handlers.handleAll({
      create: ({ payload }) => withStore((store) => store.create(payload)),
      list: ({ query }) =>
        withStore((store) =>
          // An id is one policy or none.
          query.id === undefined
            ? Effect.map(
                store.list({
                  limit: query.limit ?? 20,
                  startingAfter: query.starting_after,
                  name: query.name,
                  search: query.search
                }),
                ({ hasMore, items }) => ({ network_policies: items, has_more: hasMore })
              )
            : store.get(NetworkPolicyId.make(query.id)).pipe(
                Effect.map((found) => ({ network_policies: [found], has_more: false })),
                Effect.catchTag("ResourceNotFound", () => Effect.succeed({ network_policies: [], has_more: false }))
              )
        ),
      retrieve: ({ params }) => withStore((store) => store.get(NetworkPolicyId.make(params.id))),
      update: ({ params, payload }) =>
        withStore((store) => store.update(NetworkPolicyId.make(params.id), payload ?? new NetworkPolicyChange({}))),
      delete: ({ params }) => {
        const id = NetworkPolicyId.make(params.id)
        return withStore((store) => Effect.flatMap(store.get(id), (info) => Effect.as(store.delete(id), info)))
      }
    })
  })
)
