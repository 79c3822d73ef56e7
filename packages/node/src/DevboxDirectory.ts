/**
 * Whole folders in and out of a devbox, as one tar stream in constant memory. Works on every backend: it needs only files and
 * `tar` in the devbox. What arrives from a devbox is not trusted: it cannot write outside the folder it is unpacked in.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Devbox } from "@effect-devbox/core"
import type { BackendError, CommandFailed, ExecError, FileAccessError } from "@effect-devbox/core/DevboxError"
import { randomUUID } from "node:crypto"
import { mkdir, stat } from "node:fs/promises"
import { create, extract } from "tar"
import { inHome } from "./internal/inHome.ts"

/** A folder on this machine could not be read or written. */
export class LocalPathError extends Schema.TaggedError<LocalPathError>()("LocalPathError", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.path} on this machine: ${this.detail}. Check that the path exists and that you may use it.`
  }
}

/** What can go wrong on the way. */
export type DirectoryError = LocalPathError | FileAccessError | ExecError | CommandFailed | BackendError

/** How much was copied, before tar's own framing. */
export interface Copied {
  readonly files: number
  readonly bytes: number
}

/** How a copy says how far it is. */
export interface ProgressOptions {
  /** Called with how many bytes of the archive went over, and how many there are where that is known. */
  readonly onProgress?: ((bytes: number, total: number | undefined) => void) | undefined
}

/** What to copy. */
export interface UploadOptions extends ProgressOptions {
  /** Leaves out what it answers true for. Gets the path relative to the folder, with `/`. Default: nothing. */
  readonly exclude?: ((path: string) => boolean) | undefined
}

const localError = (path: string) => (error: unknown) =>
  new LocalPathError({ path, detail: error instanceof Error ? error.message : String(error) })

const counted = <E>(
  stream: Stream.Stream<Uint8Array, E>,
  { onProgress }: ProgressOptions,
  total?: number
): Stream.Stream<Uint8Array, E> => {
  if (onProgress === undefined) return stream
  return Stream.suspend(() => {
    let bytes = 0
    return Stream.map(stream, (chunk) => {
      onProgress((bytes += chunk.byteLength), total)
      return chunk
    })
  })
}

const temporary = (): string => `/tmp/.effect-devbox-${randomUUID()}.tar`

/** Removes the archive whatever happened to the command before it. */
const unpack = 'mkdir -p -- "$1" && tar -xf "$2" -C "$1"; code=$?; rm -f -- "$2"; exit $code'

/** Says how large the archive is. */
const pack = 'tar -cf "$2" -C "$1" . && wc -c <"$2"; code=$?; [ "$code" = 0 ] || rm -f -- "$2"; exit $code'

/** Copies a folder's contents into a folder of the devbox, which is made if it is not there. */
export const upload = (
  devbox: Devbox.Devbox,
  localPath: string,
  remotePath: string,
  options: UploadOptions = {}
): Effect.Effect<Copied, DirectoryError> =>
  Effect.gen(function* () {
    const info = yield* Effect.tryPromise({ try: () => stat(localPath), catch: localError(localPath) })
    if (!info.isDirectory()) return yield* new LocalPathError({ path: localPath, detail: "it is not a folder" })
    let files = 0
    let bytes = 0
    const filter = (path: string, entry: { readonly size?: number; isFile?: () => boolean }) => {
      const relative = path.replace(/^\.\//, "")
      if (options.exclude?.(relative) === true) return false
      if (entry.isFile?.() === true) {
        files++
        bytes += entry.size ?? 0
      }
      return true
    }
    const archive = Stream.suspend(() => {
      // A second run after a failure counts from the beginning.
      files = bytes = 0
      return Stream.fromAsyncIterable<Buffer, LocalPathError>(
        create({ cwd: localPath, portable: true, filter }, ["."]),
        localError(localPath)
      )
    })
    const target = temporary()
    yield* devbox.file.upload(target, counted(archive, options))
    yield* devbox.cmd.execOrFail(["sh", "-c", unpack, "sh", inHome(remotePath), target])
    return { files, bytes }
  })

/** Copies a folder's contents out of the devbox into a folder of this machine, which is made if it is not there. */
export const download = (
  devbox: Devbox.Devbox,
  remotePath: string,
  localPath: string,
  options: ProgressOptions = {}
): Effect.Effect<Copied, DirectoryError> =>
  Effect.gen(function* () {
    const archive = temporary()
    const { stdout } = yield* devbox.cmd.execOrFail(["sh", "-c", pack, "sh", inHome(remotePath), archive])
    const size = Number.parseInt(stdout, 10)
    const bytes = counted(devbox.file.downloadStream(archive), options, Number.isNaN(size) ? undefined : size)
    return yield* extractTo(bytes, localPath).pipe(
      Effect.ensuring(Effect.ignore(devbox.cmd.exec(["rm", "-f", "--", archive])))
    )
  })

const extractTo = <E>(
  stream: Stream.Stream<Uint8Array, E>,
  localPath: string
): Effect.Effect<Copied, E | LocalPathError> =>
  Effect.gen(function* () {
    yield* Effect.tryPromise({ try: () => mkdir(localPath, { recursive: true }), catch: localError(localPath) })
    let files = 0
    let bytes = 0
    const unpacking = extract({
      cwd: localPath,
      strict: true,
      // Owners and devices of the devbox mean nothing here.
      preserveOwner: false,
      filter: (_path, entry) => {
        const type = "type" in entry ? entry.type : undefined
        if (type === "File" || type === "OldFile") {
          files++
          bytes += entry.size ?? 0
        }
        return type !== "CharacterDevice" && type !== "BlockDevice" && type !== "FIFO"
      }
    })
    const finished = Effect.callback<void, LocalPathError>((resume) => {
      unpacking.once("error", (error: unknown) => resume(Effect.fail(localError(localPath)(error))))
      unpacking.once("close", () => resume(Effect.void))
    })
    const write = Stream.runForEach(stream, (chunk) =>
      Effect.callback<void>((resume) => {
        if (unpacking.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) resume(Effect.void)
        else unpacking.once("drain", () => resume(Effect.void))
      })
    ).pipe(Effect.andThen(Effect.sync(() => void unpacking.end())))
    yield* Effect.all([finished, write], { concurrency: "unbounded" })
    return { files, bytes }
  })
