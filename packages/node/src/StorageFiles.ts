/**
 * Files and folders of this machine as storage objects, in constant memory: a file as it is, a folder as a compressed archive
 * that a blueprint can be built from or a devbox can mount. Everything else about objects is `StorageObjects`'.
 */
import type { LookupError } from "@effect-devbox/core/DevboxError"
import {
  type ObjectContentType,
  type ObjectInfo,
  StorageObjects,
  type UploadOptions
} from "@effect-devbox/core/StorageObjects"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createReadStream } from "node:fs"
import { stat } from "node:fs/promises"
import { basename, resolve } from "node:path"
import { create } from "tar"
import { LocalPathError } from "./DevboxDirectory.ts"

/** How the object is to be; its name defaults to the file's or folder's. */
export interface PathOptions extends Omit<UploadOptions, "name" | "size"> {
  readonly name?: string | undefined
}

/** What can go wrong. */
export type StorageFileError = LookupError | LocalPathError

const localError = (path: string) => (error: unknown) =>
  new LocalPathError({ path, detail: error instanceof Error ? error.message : String(error) })

const look = (path: string) => Effect.tryPromise({ try: () => stat(path), catch: localError(path) })

/** What a name says about a content. */
export const contentTypeOf = (name: string): ObjectContentType =>
  /\.(tgz|tar\.gz)$/i.test(name)
    ? "tgz"
    : /\.tar$/i.test(name)
      ? "tar"
      : /\.gz$/i.test(name)
        ? "gzip"
        : /\.(txt|md|json|csv|ya?ml|toml|xml|html|js|ts|py|sh)$/i.test(name)
          ? "text"
          : "binary"

/** A file as an object. */
export const uploadFile = (
  path: string,
  options: PathOptions = {}
): Effect.Effect<ObjectInfo, StorageFileError, StorageObjects> =>
  Effect.gen(function* () {
    const objects = yield* StorageObjects
    const info = yield* look(path)
    if (!info.isFile()) return yield* new LocalPathError({ path, detail: "it is not a file" })
    const name = options.name ?? basename(resolve(path))
    const contents = Stream.suspend(() =>
      Stream.fromAsyncIterable<Uint8Array, LocalPathError>(createReadStream(path), localError(path))
    )
    return yield* objects.upload(contents, {
      ...options,
      name,
      contentType: options.contentType ?? contentTypeOf(name),
      size: info.size
    })
  })

/** A folder as an object: a compressed archive of what is in it. */
export const uploadDirectory = (
  path: string,
  options: Omit<PathOptions, "contentType"> & {
    /** Leaves out what it answers true for. Gets the path relative to the folder, with `/`. Default: nothing. */
    readonly exclude?: ((path: string) => boolean) | undefined
  } = {}
): Effect.Effect<ObjectInfo, StorageFileError, StorageObjects> =>
  Effect.gen(function* () {
    const objects = yield* StorageObjects
    const info = yield* look(path)
    if (!info.isDirectory()) return yield* new LocalPathError({ path, detail: "it is not a folder" })
    const { exclude, name, ...rest } = options
    const filter = (entry: string) => exclude?.(entry.replace(/^\.\//, "")) !== true
    const archive = Stream.suspend(() =>
      Stream.fromAsyncIterable<Uint8Array, LocalPathError>(
        create({ cwd: path, portable: true, gzip: true, filter }, ["."]),
        localError(path)
      )
    )
    return yield* objects.upload(archive, {
      ...rest,
      name: name ?? `${basename(resolve(path))}.tgz`,
      contentType: "tgz"
    })
  })
