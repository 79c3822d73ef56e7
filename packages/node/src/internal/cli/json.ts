/** The JSON of devboxes and snapshots: the same form that the wire has, without the secrets in it. */
import { type DevboxInfo, DevboxInfoJson, type LogEntry, LogEntryJson } from "@effect-devbox/core/DevboxModel"
import { type SnapshotInfo, SnapshotInfoJson } from "@effect-devbox/core/Snapshot"
import * as Schema from "effect/Schema"

const encodeDevbox = Schema.encodeSync(DevboxInfoJson)

/** A devbox; the token of its tunnel is left out. */
export const devboxJson = (info: DevboxInfo): object => {
  const encoded = encodeDevbox(info)
  if (encoded.tunnel === undefined || encoded.tunnel === null) return encoded
  const { auth_token: _, ...tunnel } = encoded.tunnel
  return { ...encoded, tunnel }
}

/** A snapshot. */
export const snapshotJson: (info: SnapshotInfo) => object = Schema.encodeSync(SnapshotInfoJson)

/** An entry of a log. */
export const logEntryJson: (entry: LogEntry) => object = Schema.encodeSync(LogEntryJson)
