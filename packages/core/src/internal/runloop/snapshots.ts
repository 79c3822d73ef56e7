/** Disk snapshots over the wire. */
import * as Effect from "effect/Effect"
import type { Implementation } from "../../DevboxBackend.ts"
import type { SnapshotId } from "../../DevboxModel.ts"
import { defined } from "../defined.ts"
import type { Facts } from "./facts.ts"
import { metadataQuery, page } from "./lifecycle.ts"
import type { Ask, Transport } from "./transport.ts"
import { snapshots as described } from "../api/snapshots.ts"

const about = (operation: string, id: SnapshotId) =>
  ({ operation, about: { resource: "snapshot", id }, fails: ["ResourceNotFound"] }) satisfies Ask<"ResourceNotFound">

/** See `DevboxBackend`. */
export const snapshots = (transport: Transport, facts: Facts) => {
  const { call, opaque } = transport
  const api = transport.client(described)
  return {
    startSnapshot: (id, payload) =>
      call(
        {
          operation: "snapshotDisk",
          about: { resource: "devbox", id },
          fails: ["ResourceNotFound", "DevboxNotReady", "Conflict"],
          conflict: id
        },
        api.snapshotDiskAsync({ params: { id }, payload })
      ),
    getSnapshot: (id) => call({ ...about("getSnapshot", id), reads: true }, api.status({ params: { id } })),
    listSnapshots: ({ devboxId, limit, metadata, startingAfter }) =>
      call(
        { operation: "listSnapshots", reads: true },
        api.list({
          query: {
            ...defined({ limit, starting_after: startingAfter, devbox_id: devboxId }),
            include_total_count: false,
            ...metadataQuery(facts, metadata)
          }
        })
      ).pipe(Effect.map((answer) => page(answer.snapshots, answer.has_more, limit))),
    updateSnapshot: (id, payload) => call(about("updateSnapshot", id), api.update({ params: { id }, payload })),
    deleteSnapshot: (id) =>
      opaque(about("deleteSnapshot", id), api.delete({ params: { id }, responseMode: "response-only" }))
  } satisfies Partial<Implementation>
}
