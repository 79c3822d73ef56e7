/** Blueprints over the wire. */
import * as Effect from "effect/Effect"
import type { BlueprintId, BlueprintStore } from "../../Blueprints.ts"
import { defined } from "../defined.ts"
import { page } from "./lifecycle.ts"
import type { Ask, Transport } from "./transport.ts"
import { blueprints as described } from "../api/blueprints.ts"

const about = (operation: string, id: BlueprintId) =>
  ({ operation, about: { resource: "blueprint", id }, fails: ["ResourceNotFound"] }) satisfies Ask<"ResourceNotFound">

/** See `BlueprintStore`. */
export const blueprints = (transport: Transport): typeof BlueprintStore.Service => {
  const { call, opaque, peer } = transport
  const api = transport.client(described)
  return {
    name: peer.name,
    create: (payload) => call({ operation: "createBlueprint" }, api.create({ payload })),
    get: (id) => call({ ...about("getBlueprint", id), reads: true }, api.retrieve({ params: { id } })),
    list: ({ isPublic, limit, name, startingAfter, status }) => {
      const query = { ...defined({ limit, starting_after: startingAfter, name, status }), include_total_count: false }
      return call(
        { operation: "listBlueprints", reads: true },
        isPublic === true ? api.listPublic({ query }) : api.list({ query })
      ).pipe(Effect.map((answer) => page(answer.blueprints, answer.has_more, limit)))
    },
    delete: (id) => opaque(about("deleteBlueprint", id), api.delete({ params: { id }, responseMode: "response-only" })),
    logs: (id) =>
      call({ ...about("blueprintLogs", id), reads: true }, api.logs({ params: { id } })).pipe(
        Effect.map((answer) => answer.logs)
      ),
    preview: (payload) =>
      call({ operation: "previewBlueprint", reads: true }, api.preview({ payload })).pipe(
        Effect.map((answer) => answer.dockerfile)
      )
  }
}
