/** The endpoints of blueprints, over a store where there is one. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { BlueprintId, BlueprintInfo, BlueprintStore } from "../../Blueprints.ts"
import { DevboxApi } from "../../DevboxApi.ts"
import { having } from "./neighbour.ts"
import { nothing } from "./respond.ts"

interface Query {
  readonly limit?: number
  readonly starting_after?: string
  readonly name?: string
  readonly status?: string
}

type Status = BlueprintInfo["status"]

const isStatus = (word: string): word is Status =>
  (BlueprintInfo.fields.status.to.literals as ReadonlyArray<string>).includes(word)

/** See above. */
export const blueprintsHandlers = HttpApiBuilder.group(
  DevboxApi,
  "blueprints",
  Effect.fn(function* (handlers) {
    const withStore = yield* having(BlueprintStore, "blueprints")
    const list = (query: Query, isPublic: boolean) =>
      withStore((store) =>
        query.status !== undefined && !isStatus(query.status)
          ? Effect.succeed({ blueprints: [], has_more: false })
          : Effect.map(
              store.list({
                limit: query.limit ?? 20,
                startingAfter: query.starting_after,
                name: query.name,
                status: query.status,
                isPublic
              }),
              ({ hasMore, items }) => ({ blueprints: items, has_more: hasMore })
            )
      )
    return handlers.handleAll({
      create: ({ payload }) => withStore((store) => store.create(payload)),
      list: ({ query }) => list(query, false),
      listPublic: ({ query }) => list(query, true),
      preview: ({ payload }) =>
        withStore((store) => Effect.map(store.preview(payload), (dockerfile) => ({ dockerfile }))),
      retrieve: ({ params }) => withStore((store) => store.get(BlueprintId.make(params.id))),
      delete: ({ params }) => withStore((store) => Effect.as(store.delete(BlueprintId.make(params.id)), nothing)),
      logs: ({ params }) =>
        withStore((store) =>
          Effect.map(store.logs(BlueprintId.make(params.id)), (logs) => ({ blueprint_id: params.id, logs }))
        )
    })
  })
)
