/** The endpoints of disk snapshots (PROTOCOL P9). */
import * as Schema from "effect/Schema"
import { SnapshotInfoJson, SnapshotParamsJson, SnapshotStateJson } from "../../Snapshot.ts"
import { byId, metadataPageQuery, Opaque, pageFields, queryText } from "./common.ts"
import type { Describe } from "./describe.ts"

/** A page of snapshots. */
export const SnapshotPage = Schema.Struct({ snapshots: Schema.Array(SnapshotInfoJson), ...pageFields })

/** The endpoints. */
export const snapshots = ({ failures, get, post }: Describe) => {
  const take = {
    params: byId,
    payload: [SnapshotParamsJson, Schema.Null],
    success: SnapshotInfoJson,
    error: failures
  } as const
  return [
    post("snapshotDisk", "/v1/devboxes/:id/snapshot_disk", take),
    post("snapshotDiskAsync", "/v1/devboxes/:id/snapshot_disk_async", take),
    get("list", "/v1/devboxes/disk_snapshots", {
      query: metadataPageQuery({ devbox_id: queryText, source_blueprint_id: queryText }),
      success: SnapshotPage,
      error: failures
    }),
    post("update", "/v1/devboxes/disk_snapshots/:id", take),
    post("delete", "/v1/devboxes/disk_snapshots/:id/delete", {
      params: byId,
      success: Opaque,
      error: failures
    }),
    get("status", "/v1/devboxes/disk_snapshots/:id/status", {
      params: byId,
      success: SnapshotStateJson,
      error: failures
    })
  ] as const
}
