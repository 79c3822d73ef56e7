/** The endpoints of storage objects, over a store where there is one. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Redacted from "effect/Redacted"
import { DevboxApi } from "../../DevboxApi.ts"
import { ObjectContentType, ObjectInfo, ObjectStore, StorageObjectId } from "../../StorageObjects.ts"
import { having } from "./neighbour.ts"

interface Query {
  readonly limit?: number
  readonly starting_after?: string
  readonly content_type?: string
  readonly state?: string
  readonly name?: string
  readonly search?: string
}

type State = ObjectInfo["state"]

const isContentType = (word: string): word is ObjectContentType =>
  (ObjectContentType.to.literals as ReadonlyArray<string>).includes(word)
const isState = (word: string): word is State =>
  (ObjectInfo.fields.state.to.literals as ReadonlyArray<string>).includes(word)

/** See above. */
export const objectsHandlers = HttpApiBuilder.group(
  DevboxApi,
  "objects",
  Effect.fn(function* (handlers) {
    const withStore = yield* having(ObjectStore, "storage objects")
    const list = ({ content_type, limit, name, search, starting_after, state }: Query, isPublic: boolean) =>
      withStore((store) =>
        (content_type !== undefined && !isContentType(content_type)) || (state !== undefined && !isState(state))
          ? Effect.succeed({ objects: [], has_more: false })
          : Effect.map(
              store.list({
                limit: limit ?? 20,
                startingAfter: starting_after,
                name,
                search,
                contentType: content_type,
                state: state,
                isPublic
              }),
              ({ hasMore, items }) => ({ objects: items, has_more: hasMore })
            )
      )
    return handlers.handleAll({
      create: ({ payload }) => withStore((store) => store.create(payload)),
      list: ({ query }) => list(query, false),
      listPublic: ({ query }) => list(query, true),
      retrieve: ({ params }) => withStore((store) => store.get(StorageObjectId.make(params.id))),
      complete: ({ params }) => withStore((store) => store.complete(StorageObjectId.make(params.id))),
      download: ({ params, query }) =>
        withStore((store) =>
          Effect.map(
            store.downloadUrl(StorageObjectId.make(params.id), Duration.seconds(query.duration_seconds ?? 3600)),
            (address) => ({ download_url: Redacted.make(address) })
          )
        ),
      delete: ({ params }) => {
        const id = StorageObjectId.make(params.id)
        // The answer is the object as it was, deleted.
        return withStore((store) =>
          Effect.flatMap(store.get(id), (info) =>
            Effect.as(store.delete(id), new ObjectInfo({ ...info, state: "DELETED" }))
          )
        )
      }
    })
  })
)
