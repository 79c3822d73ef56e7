/**
 * Storage objects: files and archives that blueprints and devboxes are given. An object is created, its bytes are sent to the
 * address that comes back, and it is completed, after which it cannot change. `StorageObjects` is the service you use, derived
 * from any `ObjectStore`, the service you implement.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Page } from "./DevboxBackend.ts"
import { BackendError, type LookupError, UnexpectedResponseError } from "./DevboxError.ts"
import { decodeText } from "./internal/decode.ts"
import { defined } from "./internal/defined.ts"
import { give } from "./internal/give.ts"
import { type Cursor, listing } from "./internal/listing.ts"
import { idempotent, keyed, once, reopened } from "./internal/retry.ts"
import { nullish, openEnum, snakeCase } from "./internal/snakeCase.ts"

/** The id of a storage object. */
export const StorageObjectId = Schema.String.pipe(Schema.brand("effect-devbox/StorageObjectId"))
export type StorageObjectId = typeof StorageObjectId.Type

/** What kind of content an object has; archives can be mounted as folders. */
export const ObjectContentType = openEnum(["unspecified", "text", "binary", "gzip", "tar", "tgz"])
export type ObjectContentType = typeof ObjectContentType.Type

/** An object to make. Without a time to live it stays. */
export class ObjectParams extends Schema.Class<ObjectParams>("effect-devbox/ObjectParams")({
  name: Schema.String,
  contentType: ObjectContentType,
  metadata: nullish(Schema.Record(Schema.String, Schema.String)),
  ttlMs: nullish(Schema.Int)
}) {}

/** The JSON form of {@link ObjectParams}. */
export const ObjectParamsJson = snakeCase(ObjectParams)

/** What an object is. The address to send to comes with the answer of `create` only, and whoever has it may send. */
export class ObjectInfo extends Schema.Class<ObjectInfo>("effect-devbox/ObjectInfo")({
  id: StorageObjectId,
  name: Schema.String,
  contentType: ObjectContentType,
  state: openEnum(["UPLOADING", "READ_ONLY", "DELETED", "ERROR"]),
  createTimeMs: Schema.Int,
  deleteAfterTimeMs: nullish(Schema.Int),
  metadata: nullish(Schema.Record(Schema.String, Schema.String)),
  sizeBytes: nullish(Schema.Int),
  uploadUrl: nullish(Schema.RedactedFromValue(Schema.String))
}) {}

/** The JSON form of {@link ObjectInfo}. */
export const ObjectInfoJson = snakeCase(ObjectInfo)

/** Which objects to list: your own, or with `isPublic` everybody's. */
export interface ObjectFilter {
  readonly name?: string | undefined
  readonly search?: string | undefined
  readonly contentType?: ObjectContentType | undefined
  readonly state?: ObjectInfo["state"] | undefined
  readonly isPublic?: boolean | undefined
}

/** The service you implement: each operation is one request. */
export class ObjectStore extends Context.Service<
  ObjectStore,
  {
    readonly name: string
    /** The answer has the address to send to. */
    readonly create: (params: ObjectParams) => Effect.Effect<ObjectInfo, BackendError>
    /** Sends the contents of an object that was created. */
    readonly send: <E>(
      object: ObjectInfo,
      contents: Stream.Stream<Uint8Array, E>,
      size: number | undefined
    ) => Effect.Effect<void, BackendError | E>
    readonly complete: (id: StorageObjectId) => Effect.Effect<ObjectInfo, LookupError>
    readonly get: (id: StorageObjectId) => Effect.Effect<ObjectInfo, LookupError>
    /** An address from which anybody can fetch it for a while. */
    readonly downloadUrl: (id: StorageObjectId, valid: Duration.Duration) => Effect.Effect<string, LookupError>
    readonly download: (id: StorageObjectId) => Stream.Stream<Uint8Array, LookupError>
    readonly delete: (id: StorageObjectId) => Effect.Effect<void, LookupError>
    readonly list: (query: ObjectFilter & Cursor) => Effect.Effect<Page<ObjectInfo>, BackendError>
  }
>()("effect-devbox/ObjectStore") {}

/** How an object is to be. */
export interface UploadOptions {
  readonly name: string
  /** Default `text` for text and `binary` for everything else. */
  readonly contentType?: ObjectContentType | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** How long it is kept; default for ever. */
  readonly timeToLive?: Duration.Input | undefined
  /** The size in bytes of a stream, where it is known. */
  readonly size?: number | undefined
}

const make = (store: typeof ObjectStore.Service) => {
  const span = (name: string, id?: StorageObjectId) =>
    Effect.withSpan(`StorageObjects.${name}`, {
      attributes: { backend: store.name, ...(id === undefined ? {} : { "object.id": id }) }
    })

  const upload = <E = never>(
    contents: string | Uint8Array | Stream.Stream<Uint8Array, E>,
    options: UploadOptions
  ): Effect.Effect<ObjectInfo, LookupError | E> => {
    const whole =
      typeof contents === "string"
        ? new TextEncoder().encode(contents)
        : contents instanceof Uint8Array
          ? contents
          : undefined
    const stream = whole === undefined ? (contents as Stream.Stream<Uint8Array, E>) : Stream.make(whole)
    const params = new ObjectParams(
      defined({
        name: options.name,
        contentType: options.contentType ?? (typeof contents === "string" ? "text" : "binary"),
        metadata: options.metadata,
        ttlMs:
          options.timeToLive === undefined ? undefined : Duration.toMillis(Duration.fromInputUnsafe(options.timeToLive))
      })
    )
    return give(({ restore, undoBy }) =>
      Effect.gen(function* () {
        const object = yield* restore(once(store.create(params)))
        // What was not sent whole, or is given to nobody, is of no use.
        undoBy(Effect.ignore(keyed(store.delete(object.id))))
        if (object.uploadUrl === undefined) {
          const detail = `object ${object.id} was created without an address to send its contents to`
          return yield* new BackendError({
            backend: store.name,
            operation: "upload",
            outcome: "ambiguous",
            reason: new UnexpectedResponseError({ detail })
          })
        }
        return yield* restore(
          Effect.andThen(store.send(object, stream, whole?.length ?? options.size), keyed(store.complete(object.id)))
        )
      })
    ).pipe(span("upload"))
  }

  return {
    /** Creates an object with its contents: text, bytes or a stream of bytes. What is not sent whole is deleted. */
    upload,
    /** Creates an object to whose address somebody else sends; complete it afterwards. */
    create: (params: ObjectParams) => once(store.create(new ObjectParams(params))).pipe(span("create")),
    complete: (id: StorageObjectId) => keyed(store.complete(id)).pipe(span("complete", id)),
    get: (id: StorageObjectId) => idempotent(store.get(id)).pipe(span("get", id)),
    /** The bytes of an object. */
    download: (id: StorageObjectId): Stream.Stream<Uint8Array, LookupError> => reopened(store.download(id)),
    /** An object as text. */
    downloadText: (id: StorageObjectId) =>
      idempotent(Stream.mkString(decodeText(store.download(id)))).pipe(span("downloadText", id)),
    /** An address from which anybody can fetch it for a while; default one hour. */
    downloadUrl: (id: StorageObjectId, valid: Duration.Input = "1 hour") =>
      idempotent(store.downloadUrl(id, Duration.fromInputUnsafe(valid))).pipe(span("downloadUrl", id)),
    delete: (id: StorageObjectId) => keyed(store.delete(id)).pipe(span("delete", id)),
    /** Every object that fits, a page at a time. */
    list: (filter: ObjectFilter = {}): Stream.Stream<ObjectInfo, BackendError> =>
      listing(store.name, (cursor) => store.list({ ...filter, ...cursor }))
  }
}

/** The service you use. Provide `layer` with a store. */
export class StorageObjects extends Context.Service<StorageObjects, ReturnType<typeof make>>()(
  "effect-devbox/StorageObjects"
) {
  /** The service over whatever store is provided. */
  static readonly layer: Layer.Layer<StorageObjects, never, ObjectStore> = Layer.effect(
    StorageObjects,
    Effect.map(ObjectStore, make)
  )
}
