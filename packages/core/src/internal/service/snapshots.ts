/** Disk snapshots: take, wait, and undo what nobody was given. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Shape } from "../../DevboxBackend.ts"
import type { BackendError, Conflict, LookupError, ReadyError, SnapshotError } from "../../DevboxError.ts"
import type { AwaitOptions, SnapshotOptions } from "../../DevboxHandle.ts"
import { report } from "../../DevboxLeaks.ts"
import type { DevboxId, SnapshotId } from "../../DevboxModel.ts"
import { type SnapshotInfo, SnapshotParams, SnapshotState } from "../../Snapshot.ts"
import { defined } from "../defined.ts"
import type { Giving, Restore } from "../give.ts"
import { pages } from "../pages.ts"
import { withinBudget } from "../release.ts"
import { idempotent, keyed } from "../retry.ts"
import * as Ownership from "./ownership.ts"
import { awaitSnapshot } from "./waits.ts"

/** The request that the options stand for. */
export const toParams = (options: SnapshotOptions): SnapshotParams =>
  new SnapshotParams(defined({ name: options.name, metadata: options.metadata, commitMessage: options.commitMessage }))

/** Whether a snapshot is known to be gone. */
const isGone = (backend: Shape, id: SnapshotId): Effect.Effect<boolean> =>
  idempotent(backend.getSnapshot(id)).pipe(
    Effect.map(({ status }) => status === "deleted"),
    Effect.catch((error) => Effect.succeed(error._tag === "ResourceNotFound"))
  )

/** Deletes a snapshot that nobody keeps; cannot fail, so what is not confirmed is reported. */
const discard = (backend: Shape, id: SnapshotId): Effect.Effect<void> => {
  const unconfirmed = (detail: string) =>
    report({ resource: "snapshot", id, devboxId: undefined, backend: backend.name, detail })
  return withinBudget(
    keyed(backend.deleteSnapshot(id)).pipe(
      Effect.catchTag("ResourceNotFound", () => Effect.void),
      Effect.catchCause((cause) =>
        Effect.flatMap(isGone(backend, id), (gone) =>
          gone ? Effect.void : unconfirmed(`nobody keeps it and deleting it failed: ${String(cause)}`)
        )
      )
    ),
    unconfirmed
  )
}

const request = (backend: Shape, id: DevboxId, options: SnapshotOptions, restore: Restore) => {
  const params = toParams(options)
  return Ownership.request(
    backend,
    { resource: "snapshot", list: (query) => backend.listSnapshots({ ...query, devboxId: id }) },
    restore,
    (stamp) => backend.startSnapshot(id, new SnapshotParams({ ...params, metadata: { ...params.metadata, ...stamp } })),
    (info) => discard(backend, info.id)
  )
}

/** A complete snapshot that is deleted with the scope. Must be called without interruption; `restore` lets it in. */
export const scoped = (
  backend: Shape,
  id: DevboxId,
  options: SnapshotOptions,
  wait: AwaitOptions,
  restore: Restore
): Effect.Effect<SnapshotInfo, SnapshotError | Conflict, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(request(backend, id, options, restore), (info) => discard(backend, info.id)),
    (info) => restore(awaitSnapshot(backend, info.id, wait))
  )

/** Asks for a snapshot. One that the caller will never be given is deleted. */
export const start = (
  backend: Shape,
  id: DevboxId,
  options: SnapshotOptions,
  { restore, undoBy }: Giving
): Effect.Effect<SnapshotInfo, ReadyError | Conflict> =>
  Effect.map(request(backend, id, options, restore), (info) => {
    undoBy(discard(backend, info.id))
    return info
  })

/** Takes a snapshot and waits for it. One that the caller will never be given is deleted. */
export const take = (
  backend: Shape,
  id: DevboxId,
  options: SnapshotOptions & AwaitOptions,
  giving: Giving
): Effect.Effect<SnapshotInfo, SnapshotError | Conflict> =>
  Effect.flatMap(start(backend, id, options, giving), (info) =>
    giving.restore(awaitSnapshot(backend, info.id, options))
  )

/** How far a snapshot is. */
export const get = (backend: Shape, id: SnapshotId): Effect.Effect<SnapshotState, LookupError> =>
  Effect.map(idempotent(backend.getSnapshot(id)), (state) =>
    state.snapshot === undefined
      ? state
      : new SnapshotState({ ...state, snapshot: Ownership.hideSnapshotStamp(state.snapshot) })
  )

/** Every snapshot that fits, newest first, a page at a time. */
export const list = (
  backend: Shape,
  query: { readonly devboxId?: DevboxId | undefined; readonly metadata?: Readonly<Record<string, string>> | undefined }
): Stream.Stream<SnapshotInfo, BackendError> =>
  Stream.map(
    pages(backend, query.metadata, (cursor) => backend.listSnapshots({ ...query, ...cursor })),
    Ownership.hideSnapshotStamp
  )
