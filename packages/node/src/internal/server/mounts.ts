/**
 * Objects of callers in devboxes of this machine. Whether an object is the caller's is asked when the devbox is created, by whoever
 * calls; the backend brings it later, outside of any request, by its id alone.
 */
import type { Shape } from "@effect-devbox/core/DevboxBackend"
import { type BackendError, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { Mount } from "@effect-devbox/core/DevboxModel"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { engineOf } from "../gates/engines.ts"
import type { Objects } from "../local/sources.ts"
import { invalid, refused } from "./errors.ts"
import { type ObjectFiles, toObjectInfo } from "./objectFiles.ts"
import { contentOf } from "./objects.ts"

/** The objects of a server, and those that the backend had before. */
const withObjects = (files: ObjectFiles, before: Objects | undefined): Objects => {
  const missing = (id: string) => new ResourceNotFound({ resource: "object", id })
  return {
    get: (id) => {
      const row = files.byId(id)
      return row === undefined ? (before?.get(id) ?? Effect.fail(missing(id))) : Effect.succeed(toObjectInfo(row))
    },
    download: (id) =>
      files.byId(id) === undefined ? (before?.download(id) ?? Stream.fail(missing(id))) : contentOf(files, id)
  }
}

/** Lets a backend of this machine bring the server's objects, until the scope closes. */
export const lendObjects = (backend: Shape, files: ObjectFiles): Effect.Effect<void, never, Scope.Scope> => {
  const engine = engineOf(backend)
  if (engine === undefined) return Effect.void
  return Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const before = engine.sources
        engine.sources = { ...before, objects: withObjects(files, before.objects) }
        return before
      }),
      (before) => Effect.sync(() => (engine.sources = before))
    )
  )
}

/** Refuses mounts of objects that are not the caller's, or not complete, or that the backend could not bring. */
export const checkObjects =
  (backend: Shape, files: ObjectFiles) =>
  (who: string, mounts: ReadonlyArray<Mount>): Effect.Effect<void, BackendError | ResourceNotFound> =>
    Effect.forEach(
      mounts.filter((mount) => mount.type === "object_mount"),
      ({ objectId: id }): Effect.Effect<void, BackendError | ResourceNotFound> => {
        if (engineOf(backend) === undefined) {
          const detail = `this server keeps objects itself, and its backend (${backend.name}) cannot fetch them; upload the file instead`
          return Effect.fail(refused("create", "mounts", detail))
        }
        const row = files.find(who, id)
        if (row === undefined) return Effect.fail(new ResourceNotFound({ resource: "object", id }))
        return row.state === "READ_ONLY"
          ? Effect.void
          : Effect.fail(invalid("create", `object ${id} is not complete; send its contents and complete it first`))
      },
      { discard: true }
    )
