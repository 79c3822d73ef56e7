/** Disk snapshots: copies of the disk at one instant. */
import * as Effect from "effect/Effect"
import { type BackendError, Conflict, ResourceNotFound } from "../../DevboxError.ts"
import { type DevboxId, SnapshotId } from "../../DevboxModel.ts"
import { SnapshotInfo, type SnapshotParams, SnapshotState } from "../../Snapshot.ts"
import { defined } from "../defined.ts"
import { boxThatIs, invalid } from "./errors.ts"
import * as Files from "./files.ts"
import type { Held, World } from "./state.ts"
import { pass } from "./world.ts"

const tooLong = 1000

const found = (world: World, id: SnapshotId): Effect.Effect<Held, ResourceNotFound> =>
  Effect.suspend(() => {
    const held = world.snapshots.get(id)
    return held === undefined ? Effect.fail(new ResourceNotFound({ resource: "snapshot", id })) : Effect.succeed(held)
  })

/** A snapshot that something can still be done with. */
const alive = (world: World, id: SnapshotId) =>
  Effect.filterOrFail(
    found(world, id),
    (held) => held.status !== "deleted",
    () => new ResourceNotFound({ resource: "snapshot", id })
  )

/** See `DevboxBackend`. */
export const start = (world: World, id: DevboxId, params: SnapshotParams) =>
  Effect.gen(function* () {
    const box = yield* boxThatIs(world, id, "running", "suspended")
    if ((params.commitMessage?.length ?? 0) > tooLong) {
      return yield* invalid(
        world,
        "snapshotDisk",
        `the message has ${params.commitMessage?.length} characters; at most ${tooLong} are allowed`
      )
    }
    if (box.saving.size > 0) {
      return yield* new Conflict({
        devboxId: id,
        detail: `snapshot ${Array.from(box.saving).join(", ")} is in progress; wait for it`
      })
    }
    const held = hold(world, { box: id, files: box.files, blueprint: box.params.blueprintId }, params)
    const { id: snapshotId } = held.info
    world.snapshots.set(snapshotId, held)
    box.saving.add(snapshotId)
    pass(world, "snapshot", () => {
      box.saving.delete(snapshotId)
      if (held.status !== "in_progress") return
      held.status = "complete"
      held.info = new SnapshotInfo({ ...held.info, sizeBytes: Files.size(held.files) })
    })
    return held.info
  })

/** A snapshot in progress. It knows its devbox by id: it is remembered longer, and must not hold on to all that ran in it. */
const hold = (
  world: World,
  from: { readonly box: DevboxId; readonly files: Files.FileTree; readonly blueprint: string | undefined },
  params: SnapshotParams
): Held => {
  const number = world.next()
  const snapshotId = SnapshotId.make(`snp_${String(number).padStart(6, "0")}`)
  const id = from.box
  const held: Held = {
    number,
    info: new SnapshotInfo({
      id: snapshotId,
      createTimeMs: world.now(),
      metadata: params.metadata ?? {},
      sourceDevboxId: id,
      method: "copy",
      pausedMs: 0,
      ...defined({
        name: params.name,
        commitMessage: params.commitMessage,
        sourceBlueprintId: from.blueprint
      })
    }),
    status: "in_progress",
    errorMessage: undefined,
    // The instant is now, however long the rest takes.
    files: new Map(from.files),
    fail: (detail) => {
      if (held.status !== "in_progress") return
      held.status = "error"
      held.errorMessage = detail
      held.files = new Map()
      world.boxes.get(id)?.saving.delete(snapshotId)
    }
  }
  return held
}

/** See `DevboxBackend`. */
export const get = (world: World, id: SnapshotId) =>
  Effect.map(
    found(world, id),
    (held) =>
      new SnapshotState({
        status: held.status,
        ...defined({
          errorMessage: held.errorMessage,
          snapshot: held.status === "deleted" || held.status === "error" ? undefined : held.info
        })
      })
  )

/** See `DevboxBackend`. */
export const update = (world: World, id: SnapshotId, params: SnapshotParams) =>
  Effect.map(alive(world, id), (held) => {
    held.info = new SnapshotInfo({ ...held.info, ...params })
    return held.info
  })

/** See `DevboxBackend`. Deleting twice does no harm, until more were deleted than are remembered. */
export const remove = (world: World, id: SnapshotId) =>
  Effect.map(found(world, id), (held) => {
    if (held.status === "deleted") return
    held.fail("the snapshot was deleted before it was complete")
    held.status = "deleted"
    held.files = new Map()
    world.deleted.push(id)
    if (world.deleted.length > world.settings.remembered) world.snapshots.delete(world.deleted.shift()!)
  })

/** The disk that a new devbox starts with. */
export const disk = (
  world: World,
  id: SnapshotId | undefined
): Effect.Effect<Files.FileTree, BackendError | ResourceNotFound> =>
  id === undefined
    ? Effect.sync(Files.make)
    : Effect.flatMap(alive(world, id), (held) =>
        held.status === "complete"
          ? Effect.succeed(new Map(held.files))
          : Effect.fail(invalid(world, "create", `snapshot ${id} is ${held.status}, not complete`))
      )
