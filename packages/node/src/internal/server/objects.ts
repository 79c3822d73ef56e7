/** Storage objects of a server: what is known of them in its database, their contents as files beside it. */
import { type BackendError, ResourceNotFound, UnexpectedResponseError } from "@effect-devbox/core/DevboxError"
import { ObjectStore } from "@effect-devbox/core/StorageObjects"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { open } from "node:fs/promises"
import { tenant } from "./caller.ts"
import { failure, invalid, name as server } from "./errors.ts"
import { type ObjectFiles, type ObjectRow, toObjectInfo } from "./objectFiles.ts"

/** How long an address to send to is good. */
const uploadTime = 24 * 60 * 60 * 1000

const missing = (id: string) => new ResourceNotFound({ resource: "object", id })

const unusable = (operation: string) => (error: unknown) =>
  failure(
    operation,
    new UnexpectedResponseError({
      detail: `the object's file: ${error instanceof Error ? error.message : String(error)}`
    })
  )

/**
 * Puts the contents of an object in place, whole or not at all. False, and nothing is changed, when the object was completed or
 * deleted while they were sent.
 */
export const keepContent = <E>(
  files: ObjectFiles,
  id: string,
  contents: Stream.Stream<Uint8Array, E>
): Effect.Effect<boolean, E | BackendError> =>
  Effect.suspend(() => {
    const partial = `${files.fileOf(id)}.${SecureRandom.uuidV7Unsafe()}`
    let size = 0
    const file = Effect.acquireRelease(
      Effect.tryPromise({ try: () => open(partial, "wx", 0o600), catch: unusable("upload") }),
      (handle) => Effect.promise(() => handle.close())
    )
    const write = Effect.flatMap(file, (handle) =>
      Stream.runForEach(contents, (bytes) => {
        size += bytes.length
        return Effect.tryPromise({ try: () => handle.appendFile(bytes), catch: unusable("upload") })
      })
    )
    return Effect.scoped(write).pipe(
      Effect.andThen(
        Effect.try({
          try: () =>
            files.db.transaction(() => {
              const kept = files.db
                .statement("update objects set size_bytes = ? where id = ? and state = 'UPLOADING'")
                .run(size, id)
              if (kept.changes === 1) fs.renameSync(partial, files.fileOf(id))
              return kept.changes === 1
            }),
          catch: unusable("upload")
        })
      ),
      Effect.ensuring(Effect.sync(() => fs.rmSync(partial, { force: true })))
    )
  })

/** The contents of an object. */
export const contentOf = (files: ObjectFiles, id: string): Stream.Stream<Uint8Array, BackendError> =>
  Stream.suspend(() =>
    Stream.fromAsyncIterable<Uint8Array, BackendError>(fs.createReadStream(files.fileOf(id)), unusable("download"))
  )

/** The address of this server as the caller knows it. */
const originOf = (publicUrl: string | undefined): Effect.Effect<string> =>
  Effect.map(
    Effect.serviceOption(HttpServerRequest.HttpServerRequest),
    (request) =>
      publicUrl?.replace(/\/+$/, "") ??
      Option.match(Option.flatMap(request, HttpServerRequest.toURL), {
        onNone: () => "",
        onSome: (url) => url.origin
      })
  )

/** See above. */
export const layerObjects = (files: ObjectFiles, publicUrl: string | undefined): Layer.Layer<ObjectStore> => {
  const { db } = files
  const row = (id: string) =>
    Effect.flatMap(tenant, (who) => {
      const found = files.find(who, id)
      return found === undefined ? Effect.fail(missing(id)) : Effect.succeed(found)
    })
  const complete = (found: ObjectRow) => {
    if (found.size_bytes === null) {
      return Effect.fail(
        invalid("complete", `nothing was sent to object ${found.id} yet; send its contents to its upload_url first`)
      )
    }
    db.statement("update objects set state = 'READ_ONLY' where id = ?").run(found.id)
    return Effect.succeed(toObjectInfo({ ...found, state: "READ_ONLY" }))
  }
  return Layer.succeed(ObjectStore, {
    name: server,
    create: ({ contentType, metadata, name, ttlMs }) =>
      Effect.gen(function* () {
        const who = yield* tenant
        const now = Date.now()
        files.expire()
        const made: ObjectRow = {
          tenant: who,
          id: `obj_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`,
          name,
          content_type: contentType,
          state: "UPLOADING",
          metadata: metadata === undefined ? null : JSON.stringify(metadata),
          size_bytes: null,
          create_time_ms: now,
          delete_after_ms: ttlMs === undefined ? null : now + ttlMs
        }
        db.statement(
          `insert into objects (tenant, id, name, content_type, state, metadata, size_bytes, create_time_ms, delete_after_ms)
           values (:tenant, :id, :name, :content_type, :state, :metadata, :size_bytes, :create_time_ms, :delete_after_ms)`
        ).run({ ...made })
        return toObjectInfo(made, (yield* originOf(publicUrl)) + files.address("put", made.id, now + uploadTime))
      }),
    send: ({ id }, contents) =>
      Effect.andThen(
        Effect.mapError(row(id), ({ message }) => invalid("upload", message)),
        Effect.flatMap(keepContent(files, id, contents), (kept) =>
          kept ? Effect.void : Effect.fail(invalid("upload", `object ${id} is complete and cannot change`))
        )
      ),
    complete: (id) => Effect.flatMap(row(id), complete),
    get: (id) => Effect.map(row(id), (found) => toObjectInfo(found)),
    downloadUrl: (id, valid) =>
      Effect.gen(function* () {
        const { state } = yield* row(id)
        if (state !== "READ_ONLY") return yield* invalid("download", `object ${id} is not complete`)
        return (yield* originOf(publicUrl)) + files.address("get", id, Date.now() + Duration.toMillis(valid))
      }),
    download: (id) => Stream.unwrap(Effect.map(row(id), () => contentOf(files, id))),
    delete: (id) =>
      Effect.map(row(id), () => {
        db.statement("delete from objects where id = ?").run(id)
        fs.rmSync(files.fileOf(id), { force: true })
      }),
    list: ({ contentType, isPublic, limit, name = "", search = "", startingAfter = "\uffff", state }) =>
      Effect.map(tenant, (who) => {
        if (isPublic === true) return { items: [], hasMore: false }
        const rows = db.all<ObjectRow>(
          `select * from objects where tenant = ? and id < ? and instr(name, ?) > 0
             and (instr(name, ?) > 0 or id = ?) and content_type = coalesce(?, content_type)
             and state = coalesce(?, state) and (delete_after_ms is null or delete_after_ms > ?)
             order by id desc limit ?`,
          who,
          startingAfter,
          name,
          search,
          search,
          contentType ?? null,
          state ?? null,
          Date.now(),
          limit + 1
        )
        return { items: rows.slice(0, limit).map((found) => toObjectInfo(found)), hasMore: rows.length > limit }
      })
  })
}
