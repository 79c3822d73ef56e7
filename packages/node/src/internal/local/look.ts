/** Looking at devboxes: one, a page of them, until one has a status, and what it used. Changing name and metadata. */
import type { ListQuery, Page } from "@effect-devbox/core/DevboxBackend"
import { type DevboxId, type DevboxInfo, type DevboxStatus, sizeOf, Usage } from "@effect-devbox/core/DevboxModel"
import { listDevboxes, updateDevbox } from "../store/devboxes.ts"
import { type Engine, rowOf } from "./engine.ts"
import { invalid } from "./errors.ts"
import { toInfo } from "./info.ts"

/** One devbox. */
export const get = (engine: Engine, id: DevboxId): DevboxInfo => toInfo(engine, rowOf(engine, id))

const defaultLimit = 20
const largestLimit = 5000

/** How many items of a list are wanted. */
export const checkPage = (operation: string, limit = defaultLimit): number => {
  if (Number.isInteger(limit) && limit >= 1 && limit <= largestLimit) return limit
  throw invalid(operation, `the limit is ${limit}; it must be a whole number from 1 to ${largestLimit}`)
}

/** A page of devboxes, newest first. */
export const list = (
  engine: Engine,
  query: ListQuery & { readonly status?: DevboxStatus | undefined }
): Page<DevboxInfo> => {
  const limit = checkPage("list", query.limit)
  const rows = listDevboxes(engine.db, { ...query, limit: limit + 1 })
  return { items: rows.slice(0, limit).map((row) => toInfo(engine, row)), hasMore: rows.length > limit }
}

/** Changes name and metadata. An empty name removes it. */
export const update = (
  engine: Engine,
  id: DevboxId,
  change: { readonly name?: string | undefined; readonly metadata?: Readonly<Record<string, string>> | undefined }
): DevboxInfo => {
  rowOf(engine, id)
  updateDevbox(engine.db, id, {
    name: change.name === "" ? null : change.name,
    metadata: change.metadata === undefined ? undefined : JSON.stringify(change.metadata)
  })
  return get(engine, id)
}

/** Holds until the devbox has one of the statuses or the time is over. */
export const waitForStatus = async (
  engine: Engine,
  id: DevboxId,
  statuses: ReadonlyArray<DevboxStatus>,
  millis: number,
  signal: AbortSignal
): Promise<DevboxInfo> => {
  const look = () => {
    const row = rowOf(engine, id)
    return statuses.includes(row.status as DevboxStatus) ? row : undefined
  }
  // A detached devbox is handed to a holder while it is being started.
  const { detached, owner_id: owner } = rowOf(engine, id)
  const foreign = detached === 1 || owner !== engine.ownerId
  const row = await engine.news.until(id, look, { foreign, millis, signal })
  return toInfo(engine, row ?? rowOf(engine, id))
}

/** What a devbox used: the size it was asked to be, times its time. */
export const usage = (engine: Engine, id: DevboxId): Usage => {
  const row = rowOf(engine, id)
  const now = row.end_time_ms ?? Date.now()
  const elapsed = Math.floor((now - row.create_time_ms) / 1000)
  const active = Math.floor((row.active_ms + (row.running_since_ms === null ? 0 : now - row.running_since_ms)) / 1000)
  const { launchParameters: asked, status } = toInfo(engine, row)
  const { cores, diskGb, memoryGb } = sizeOf(asked)
  return new Usage({
    id,
    status,
    startTimeMs: row.create_time_ms,
    totalElapsedSeconds: elapsed,
    totalActiveSeconds: active,
    vcpuSeconds: Math.round(cores * active),
    memoryGbSeconds: memoryGb * active,
    diskGbSeconds: diskGb * elapsed,
    ...(row.end_time_ms === null ? {} : { endTimeMs: row.end_time_ms })
  })
}
