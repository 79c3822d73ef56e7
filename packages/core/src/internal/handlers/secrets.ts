/** The endpoints of secrets, over a store where there is one. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { DevboxApi } from "../../DevboxApi.ts"
import { SecretStore } from "../../Secrets.ts"
import { having } from "./neighbour.ts"

/** See above. */
export const secretsHandlers = HttpApiBuilder.group(
  DevboxApi,
  "secrets",
  Effect.fn(function* (handlers) {
    const withStore = yield* having(SecretStore, "secrets")
    return handlers.handleAll({
      create: ({ payload }) => withStore((store) => store.create(payload.name, payload.value)),
      list: ({ query }) => {
        const limit = query.limit ?? 20
        return withStore((store) =>
          // One more than asked for says whether there are more.
          Effect.map(store.list(limit + 1), (secrets) => ({
            secrets: secrets.slice(0, limit),
            has_more: secrets.length > limit
          }))
        )
      },
      retrieve: ({ params }) => withStore((store) => store.get(params.name)),
      update: ({ params, payload }) => withStore((store) => store.update(params.name, payload.value)),
      delete: ({ params }) =>
        withStore((store) =>
          Effect.flatMap(store.get(params.name), (info) => Effect.as(store.delete(params.name), info))
        )
    })
  })
)
