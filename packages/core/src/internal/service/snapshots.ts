/** Disk snapshots: take, wait, and undo what nobody was given. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Shape } from "../../DevboxBackend.ts"
import type { BackendError, SnapshotError } from "../../DevboxError.ts"
import type { AwaitOptions, SnapshotOptions } from "../../DevboxHandle.ts"
import { report } from "../../DevboxLeaks.ts"
import type { DevboxId, SnapshotId } from "../../DevboxModel.ts"
import { type SnapshotInfo, SnapshotParams } from "../../Snapshot.ts"
import { defined } from "../defined.ts"
import { pages } from "../pages.ts"
import { idempotent, once } from "../retry.ts"
import { awaitSnapshot } from "./waits.ts"

/** The request that the options stand for. */
export const toParams = (options: SnapshotOptions): SnapshotParams =>
  new SnapshotParams(
    defined({ name: options.name, metadata: options.metadata, commitMessage: options.commitMessage })
  )

/** Asks for a snapshot. */
export const start = (backend: Shape, id: DevboxId, options: SnapshotOptions = {}) =>
  once(backend.startSnapshot(id, toParams(options)))

const discard = (backend: Shape, id: SnapshotId): Effect.Effect<void> =>
  idempotent(backend.deleteSnapshot(id)).pipe(
    Effect.catchTag("ResourceNotFound", () => Effect.void),
    Effect.catchCause((cause) =>
      report({
        resource: "snapshot",
        id,
        devboxId: undefined,
        backend: backend.name,
        detail: `it was not waited for to its end and deleting it failed: ${String(cause)}`
      })
    )
  )

/** Takes a snapshot and waits for it. One that the caller will never be given is deleted. */
export const take = (backend: Shape, id: DevboxId, options: SnapshotOptions & AwaitOptions = {}) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      start(backend, id, options),
      (info): Effect.Effect<SnapshotInfo, SnapshotError> =>
        Effect.onError(restore(awaitSnapshot(backend, info.id, options)), () => discard(backend, info.id))
    )
  )

/** Every snapshot that fits, newest first, a page at a time. */
export const list = (
  backend: Shape,
  query: { readonly devboxId?: DevboxId | undefined; readonly metadata?: Readonly<Record<string, string>> | undefined }
): Stream.Stream<SnapshotInfo, BackendError> =>
  pages(backend, query.metadata, (cursor) => backend.listSnapshots({ ...query, ...cursor }))
