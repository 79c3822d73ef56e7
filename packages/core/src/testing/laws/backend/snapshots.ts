/** Laws of disk snapshots. */
import * as Effect from "effect/Effect"
import { DevboxBackend } from "../../../DevboxBackend.ts"
import { SnapshotParams } from "../../../Snapshot.ts"
import { exec, get, params, put, reach, type Running, running, text, unique } from "../boxes.ts"
import { equal, eventually, failsWith, holds, succeeds, watch } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

/** Takes a snapshot that is deleted with the scope, and waits until it is no longer in progress. */
const taken = (box: Running, wanted: ConstructorParameters<typeof SnapshotParams>[0] = {}) =>
  Effect.gen(function* () {
    const { backend } = box
    const info = yield* Effect.acquireRelease(backend.startSnapshot(box.id, new SnapshotParams(wanted)), ({ id }) =>
      Effect.ignore(backend.deleteSnapshot(id))
    )
    const state = yield* watch(backend.getSnapshot(info.id), ({ status }) => status !== "in_progress")
    return { id: info.id, info, state }
  })

/** See above. */
export const snapshots: ReadonlyArray<BackendLaw> = [
  law(
    "snapshot-completes",
    "A snapshot completes and says what it is of.",
    ["snapshot"],
    Effect.gen(function* () {
      const box = yield* running()
      const wanted = { name: unique("law"), metadata: { law: "1" }, commitMessage: "before the storm" }
      const { id, info, state } = yield* taken(box, wanted)
      yield* equal("it completes", state.status, "complete")
      yield* equal("the answer to the start has its id", state.snapshot?.id, info.id)
      yield* equal("it knows its devbox", state.snapshot?.sourceDevboxId, box.id)
      yield* equal("it has its name", state.snapshot?.name, wanted.name)
      yield* equal("it has its metadata", { ...state.snapshot?.metadata }, wanted.metadata)
      yield* equal("it has its message", state.snapshot?.commitMessage, wanted.commitMessage)
      const listed = yield* eventually(
        "the list of its devbox's snapshots shows it",
        box.backend.listSnapshots({ devboxId: box.id, limit: 100 }),
        ({ items }) => items.some((each) => each.id === id)
      )
      yield* holds(
        "and those of no other",
        listed.items.every(({ sourceDevboxId }) => sourceDevboxId === box.id),
        listed.items
      )
    })
  ),
  law(
    "snapshot-is-an-instant",
    "A devbox made from a snapshot has the files of that instant, not of later ones.",
    ["snapshot"],
    Effect.gen(function* () {
      const box = yield* running()
      yield* put(box, "kept/file.txt", "then")
      yield* put(box, "removed.txt", "then")
      const { id } = yield* taken(box)
      yield* put(box, "kept/file.txt", "later")
      yield* put(box, "later.txt", "later")
      yield* exec(box, "rm removed.txt")
      const copy = yield* running({ snapshotId: id })
      const kept = yield* succeeds("what was there is there", get(copy, "kept/file.txt"))
      yield* equal("as it was", text(kept), "then")
      const removed = yield* succeeds("also what was removed since", get(copy, "removed.txt"))
      yield* equal("as it was", text(removed), "then")
      const error = yield* failsWith("what came later is not", get(copy, "later.txt"), "FileError")
      yield* equal("it does not exist", error.kind, "NotFound")
      yield* equal("the devbox says what it was made from", (yield* copy.backend.get(copy.id)).snapshotId, id)
    })
  ),
  law(
    "snapshot-copies-are-apart",
    "Devboxes from one snapshot are apart from each other, and from the one it was taken of.",
    ["snapshot"],
    Effect.gen(function* () {
      const box = yield* running()
      yield* put(box, "file.txt", "shared")
      const { id } = yield* taken(box)
      const [a, b] = yield* Effect.all([running({ snapshotId: id }), running({ snapshotId: id })])
      yield* put(a, "file.txt", "of a")
      yield* exec(b, "rm file.txt")
      yield* equal("each has its own", text(yield* get(a, "file.txt")), "of a")
      yield* equal("the source keeps its own", text(yield* get(box, "file.txt")), "shared")
      const c = yield* running({ snapshotId: id })
      yield* equal("and the snapshot stays as it was", text(yield* get(c, "file.txt")), "shared")
    })
  ),
  law(
    "snapshot-outlives-its-devbox",
    "A snapshot can be used when its devbox is over.",
    ["snapshot"],
    Effect.gen(function* () {
      const box = yield* running()
      yield* put(box, "file.txt", "kept")
      const { id } = yield* taken(box)
      yield* box.backend.shutdown(box.id)
      yield* reach(box.backend, box.id, "shutdown")
      const copy = yield* succeeds("a devbox can be made of it", running({ snapshotId: id }))
      yield* equal("with the files", text(yield* get(copy, "file.txt")), "kept")
    })
  ),
  law(
    "snapshot-deleted",
    "A deleted snapshot says that it is deleted, is in no list, and makes no devbox.",
    ["snapshot"],
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const box = yield* running()
      const { id } = yield* taken(box)
      yield* succeeds("it can be deleted", backend.deleteSnapshot(id))
      const state = yield* eventually("it is deleted", backend.getSnapshot(id), ({ status }) => status === "deleted")
      yield* holds("without its data", state.status === "deleted")
      const { items } = yield* backend.listSnapshots({ devboxId: box.id, limit: 100 })
      yield* holds(
        "no list shows it",
        items.every((each) => each.id !== id)
      )
      const request = yield* params({ snapshotId: id })
      yield* failsWith("no devbox can be made of it", backend.create(request), "ResourceNotFound")
    })
  ),
  law(
    "snapshot-update",
    "An update of a snapshot replaces its metadata as a whole and keeps what it does not name.",
    ["snapshot"],
    Effect.gen(function* () {
      const box = yield* running()
      const name = unique("law")
      const { id } = yield* taken(box, { name, metadata: { a: "1", b: "2" } })
      yield* succeeds("it can be updated", box.backend.updateSnapshot(id, new SnapshotParams({ metadata: { b: "3" } })))
      const { snapshot } = yield* box.backend.getSnapshot(id)
      yield* equal("the metadata is the new one", { ...snapshot?.metadata }, { b: "3" })
      yield* equal("the name stays", snapshot?.name, name)
    })
  )
]
