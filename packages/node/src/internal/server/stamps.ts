/**
 * The stamp that says whose a devbox or snapshot is, and which request made it. It travels in the metadata, where whatever
 * backend there is keeps it as well as the thing itself, and is hidden from callers, who can neither read nor write it.
 */
import { DevboxInfo } from "@effect-devbox/core/DevboxModel"
import { SnapshotInfo } from "@effect-devbox/core/Snapshot"

type Metadata = Readonly<Record<string, string>>

const prefix = "effect-devbox.server."

/** The name under which the tenant stands. */
export const tenantKey = `${prefix}tenant`

/** The name under which the seed of the request stands. */
export const requestKey = `${prefix}request`

const entries = (metadata: Metadata, ours: boolean): Metadata =>
  Object.fromEntries(Object.entries(metadata).filter(([name]) => name.startsWith(prefix) === ours))

/** What a caller sees. */
export const hidden = (metadata: Metadata): Metadata => entries(metadata, false)

/** What is kept of a caller's metadata: without anything that looks like a stamp, and with the stamp. */
export const stamped = (metadata: Metadata | undefined, stamp: Metadata): Metadata => ({
  ...hidden(metadata ?? {}),
  ...stamp
})

/** The stamp of what is there. */
export const stampOf = (metadata: Metadata): Metadata => entries(metadata, true)

/** A devbox as its owner sees it. */
export const hideDevbox = (info: DevboxInfo): DevboxInfo => new DevboxInfo({ ...info, metadata: hidden(info.metadata) })

/** A snapshot as its owner sees it. */
export const hideSnapshot = (info: SnapshotInfo): SnapshotInfo =>
  new SnapshotInfo({ ...info, metadata: hidden(info.metadata) })
