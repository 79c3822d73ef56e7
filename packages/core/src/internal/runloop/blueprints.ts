/** Blueprints over the wire. */
import * as Effect from "effect/Effect"
import type { BlueprintId, BlueprintStore } from "../../Blueprints.ts"
import { defined } from "../defined.ts"
import { page } from "./lifecycle.ts"
import type { Ask, Transport } from "./transport.ts"

const about = (operation: string, id: BlueprintId) =>
  ({ operation, about: { resource: "blueprint", id }, fails: ["ResourceNotFound"] }) satisfies Ask<"ResourceNotFound">

/** See `BlueprintStore`. */
export const blueprints = ({ api, call, opaque, peer }: Transport): typeof BlueprintStore.Service => ({
  name: peer.name,
  create: (payload) => call({ operation: "createBlueprint" }, api.blueprints.create({ payload })),
  get: (id) => call({ ...about("getBlueprint", id), reads: true }, api.blueprints.retrieve({ params: { id } })),
  list: ({ isPublic, limit, name, startingAfter, status }) => {
    const query = { ...defined({ limit, starting_after: startingAfter, name, status }), include_total_count: false }
    return call(
      { operation: "listBlueprints", reads: true },
      isPublic === true ? api.blueprints.listPublic({ query }) : api.blueprints.list({ query })
    ).pipe(Effect.map((answer) => page(answer.blueprints, answer.has_more, limit)))
  },
  delete: (id) =>
    opaque(about("deleteBlueprint", id), api.blueprints.delete({ params: { id }, responseMode: "response-only" })),
  logs: (id) =>
    call({ ...about("blueprintLogs", id), reads: true }, api.blueprints.logs({ params: { id } })).pipe(
      Effect.map((answer) => answer.logs)
    ),
  preview: (payload) =>
    call({ operation: "previewBlueprint", reads: true }, api.blueprints.preview({ payload })).pipe(
      Effect.map((answer) => answer.dockerfile)
    )
})
