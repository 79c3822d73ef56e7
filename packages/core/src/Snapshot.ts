/** Disk snapshots as data. The source of every field is PROTOCOL P9. The handle is in `DevboxHandle.ts`. */
import * as Schema from "effect/Schema"
import { DevboxId, SnapshotId } from "./DevboxModel.ts"
import { nullish, openEnum, snakeCase } from "./internal/snakeCase.ts"

/** What a snapshot is. Fields below `sizeBytes` are ours: how it was taken and how long the devbox stood still, in ms. */
export class SnapshotInfo extends Schema.Class<SnapshotInfo>("effect-devbox/SnapshotInfo")({
  id: SnapshotId,
  createTimeMs: Schema.Int,
  metadata: Schema.Record(Schema.String, Schema.String),
  sourceDevboxId: DevboxId,
  sourceBlueprintId: nullish(Schema.String),
  name: nullish(Schema.String),
  commitMessage: nullish(Schema.String),
  sizeBytes: nullish(Schema.Int),
  method: nullish(Schema.String),
  pausedMs: nullish(Schema.Finite)
}) {}

/** The JSON form of {@link SnapshotInfo}. */
export const SnapshotInfoJson = snakeCase(SnapshotInfo)

/** How far a snapshot is. `deleted` is an answer, not an absence. */
export class SnapshotState extends Schema.Class<SnapshotState>("effect-devbox/SnapshotState")({
  status: openEnum(["in_progress", "error", "complete", "deleted"]),
  errorMessage: nullish(Schema.String),
  snapshot: nullish(SnapshotInfoJson)
}) {}

/** The JSON form of {@link SnapshotState}. */
export const SnapshotStateJson = snakeCase(SnapshotState)

/** Name, metadata (replaced as a whole) and message (at most 1000 characters) of a snapshot. */
export class SnapshotParams extends Schema.Class<SnapshotParams>("effect-devbox/SnapshotParams")({
  name: nullish(Schema.String),
  metadata: nullish(Schema.Record(Schema.String, Schema.String)),
  commitMessage: nullish(Schema.String)
}) {}

/** The JSON form of {@link SnapshotParams}. */
export const SnapshotParamsJson = snakeCase(SnapshotParams)
