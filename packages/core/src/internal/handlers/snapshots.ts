/** The endpoints of disk snapshots, over any backend. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { DevboxApi } from "../../DevboxApi.ts"
import { DevboxBackend } from "../../DevboxBackend.ts"
import { UnexpectedResponseError } from "../../DevboxError.ts"
import { DevboxId, SnapshotId } from "../../DevboxModel.ts"
import { SnapshotParams } from "../../Snapshot.ts"
import { defined } from "../defined.ts"
import { holdExpired } from "../wireError.ts"
import { hold } from "./hold.ts"
import { listed, metadataFilter } from "./lists.ts"
import { answered, failure, nothing, toResponse } from "./respond.ts"

/** As long as official clients wait for the blocking form. */
const patience = Duration.minutes(10)

/** See above. */
export const snapshotsHandlers = HttpApiBuilder.group(
  DevboxApi,
  "snapshots",
  Effect.fn(function* (handlers) {
    const backend = yield* DevboxBackend
    const filters = backend.capabilities.features.has("metadataFilter")
    return handlers.handleAll({
      snapshotDisk: ({ params, payload }) =>
        answered(
          Effect.gen(function* () {
            const { id } = yield* backend.startSnapshot(DevboxId.make(params.id), payload ?? new SnapshotParams({}))
            const state = yield* hold({
              look: backend.getSnapshot(id),
              settled: (seen) => seen.status !== "in_progress",
              time: patience
            })
            if (state.status === "complete" && state.snapshot !== undefined) return state.snapshot
            if (state.status === "in_progress") return toResponse(holdExpired(`snapshot ${id} is in progress`))
            const detail = `snapshot ${id} is ${state.status}: ${state.errorMessage ?? "no reason was given"}`
            return yield* failure("snapshotDisk", new UnexpectedResponseError({ detail }))
          })
        ),
      snapshotDiskAsync: ({ params, payload }) =>
        answered(backend.startSnapshot(DevboxId.make(params.id), payload ?? new SnapshotParams({}))),
      list: ({ query }) => {
        const { devbox_id, limit, source_blueprint_id, starting_after } = query
        return answered(
          Effect.map(
            listed(
              defined({ limit, starting_after }),
              metadataFilter(query),
              filters,
              (page) =>
                backend.listSnapshots({
                  ...page,
                  devboxId: devbox_id === undefined ? undefined : DevboxId.make(devbox_id)
                }),
              (info) => source_blueprint_id === undefined || info.sourceBlueprintId === source_blueprint_id
            ),
            ({ hasMore, items }) => ({ snapshots: items, has_more: hasMore })
          )
        )
      },
      update: ({ params, payload }) =>
        answered(backend.updateSnapshot(SnapshotId.make(params.id), payload ?? new SnapshotParams({}))),
      delete: ({ params }) => answered(Effect.as(backend.deleteSnapshot(SnapshotId.make(params.id)), nothing)),
      status: ({ params }) => answered(backend.getSnapshot(SnapshotId.make(params.id)))
    })
  })
)
