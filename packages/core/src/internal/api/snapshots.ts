/** The endpoints of disk snapshots (PROTOCOL P9). */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { SnapshotInfoJson, SnapshotParamsJson, SnapshotStateJson } from "../../Snapshot.ts"
import { byId, metadataPageQuery, Opaque, pageFields, queryText } from "./common.ts"
import { failures } from "./failures.ts"

/** A page of snapshots. */
export const SnapshotPage = Schema.Struct({ snapshots: Schema.Array(SnapshotInfoJson), ...pageFields })

const take = {
  params: byId,
  payload: [SnapshotParamsJson, Schema.Null],
  success: SnapshotInfoJson,
  error: failures
} as const

/** See above. */
export class SnapshotsApi extends HttpApiGroup.make("snapshots").add(
  HttpApiEndpoint.post("snapshotDisk", "/v1/devboxes/:id/snapshot_disk", take),
  HttpApiEndpoint.post("snapshotDiskAsync", "/v1/devboxes/:id/snapshot_disk_async", take),
  HttpApiEndpoint.get("list", "/v1/devboxes/disk_snapshots", {
    query: metadataPageQuery({ devbox_id: queryText, source_blueprint_id: queryText }),
    success: SnapshotPage,
    error: failures
  }),
  HttpApiEndpoint.post("update", "/v1/devboxes/disk_snapshots/:id", take),
  HttpApiEndpoint.post("delete", "/v1/devboxes/disk_snapshots/:id/delete", {
    params: byId,
    success: Opaque,
    error: failures
  }),
  HttpApiEndpoint.get("status", "/v1/devboxes/disk_snapshots/:id/status", {
    params: byId,
    success: SnapshotStateJson,
    error: failures
  })
) {}
