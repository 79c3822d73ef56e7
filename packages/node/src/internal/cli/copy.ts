/** Copies files and folders both ways, as `cp -r` would: into a folder that is there, else to the name that is given. */
import type { Devbox } from "@effect-devbox/core/DevboxHandle"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { createReadStream, createWriteStream } from "node:fs"
import { chmod, lstat, mkdir, opendir, rename, rm } from "node:fs/promises"
import * as path from "node:path"
import { finished } from "node:stream/promises"
import type { Copied } from "../../DevboxDirectory.ts"
import { inHome } from "../inHome.ts"
import { type HostError, hostError, UsageError } from "./errors.ts"
import { write } from "./out.ts"
import { type Found, here, inside, meansContents, saysFolder } from "./place.ts"
import type { Progress } from "./progress.ts"

/** What a copy of a folder leaves out. */
export type Exclude = (path: string) => boolean

const nothingThere = (where: string) => new UsageError({ detail: `${where} is not there` })

const tell = <E, R>(stream: Stream.Stream<Uint8Array, E, R>, progress: Progress, total: number | undefined) => {
  let done = 0
  return Stream.map(stream, (chunk) => {
    progress((done += chunk.byteLength), total)
    return chunk
  })
}

/** Where a copy goes: into a folder that is there, under its own name; else where it was told. */
const target = (destination: string, found: Found, name: string, paths: Pick<path.PlatformPath, "join">) =>
  found.kind === "folder" || saysFolder(destination) ? paths.join(destination, name) : destination

/** How many bytes the archive of a folder will have: a header each, contents in blocks. */
const archiveSize = async (folder: string, exclude: Exclude | undefined): Promise<number> => {
  let size = 0
  const walk = async (relative: string): Promise<void> => {
    for await (const entry of await opendir(path.join(folder, relative))) {
      const name = relative === "" ? entry.name : `${relative}/${entry.name}`
      if (exclude?.(name) === true) continue
      size += 512
      if (entry.isDirectory()) await walk(name)
      else if (entry.isFile()) size += Math.ceil((await lstat(path.join(folder, name))).size / 512) * 512
    }
  }
  await walk("")
  return size
}

const reading = (file: string): Stream.Stream<Uint8Array, HostError> =>
  Stream.fromAsyncIterable<Buffer, HostError>(createReadStream(file), hostError(`reading ${file}`))

/** Copies a folder in. */
const uploadFolder = (
  devbox: Devbox,
  from: string,
  to: string,
  progress: Progress,
  { exclude, shown }: { readonly exclude?: Exclude | undefined; readonly shown: boolean }
) =>
  Effect.gen(function* () {
    const { upload } = yield* Effect.promise(() => import("../../DevboxDirectory.ts"))
    const total = shown
      ? yield* Effect.tryPromise({ try: () => archiveSize(from, exclude), catch: hostError(`reading ${from}`) })
      : undefined
    return yield* upload(devbox, from, to, { exclude, onProgress: (bytes) => progress(bytes, total) })
  })

/** Copies a file or folder in. */
export const copyIn = (
  devbox: Devbox,
  from: string,
  to: string,
  progress: Progress,
  options: { readonly exclude?: Exclude | undefined; readonly shown: boolean }
) =>
  Effect.gen(function* () {
    const source = yield* here(from)
    if (source.kind === "nothing") return yield* nothingThere(`${from} on this machine`)
    if (source.kind === "folder" && meansContents(from)) return yield* uploadFolder(devbox, from, to, progress, options)
    const name = path.basename(path.resolve(from))
    const there = yield* inside(devbox, to)
    const destination = target(to, there, name, path.posix)
    if (source.kind === "folder") return yield* uploadFolder(devbox, from, destination, progress, options)
    const { size } = source
    // A folder that the copy goes into may hold a file of that name, which keeps its mode.
    const before = destination === to ? there : yield* inside(devbox, destination)
    yield* devbox.file.upload(destination, tell(reading(from), progress, size), { size })
    if (before.kind === "nothing" && source.mode !== undefined) {
      yield* devbox.cmd.execOrFail(["chmod", source.mode.toString(8), "--", inHome(destination)])
    }
    return { files: 1, bytes: size ?? 0 } satisfies Copied
  })

/** Writes a stream to a file that appears when it is whole, and not before. */
const writing = <E>(stream: Stream.Stream<Uint8Array, E>, file: string, mode: number | undefined) => {
  const partial = path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID().slice(0, 8)}.part`)
  const failed = hostError(`writing ${file}`)
  const on = <A>(run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: failed })
  return Effect.acquireUseRelease(
    on(async () => {
      await mkdir(path.dirname(file), { recursive: true })
      return createWriteStream(partial, { mode: 0o600 })
    }),
    (out) =>
      Effect.gen(function* () {
        let bytes = 0
        const over = finished(out)
        over.catch(() => {})
        yield* Stream.runForEach(stream, (chunk) =>
          on(
            () =>
              new Promise<void>((resolve, reject) => {
                bytes += chunk.byteLength
                out.write(chunk, (error) => (error ? reject(error) : resolve()))
              })
          )
        )
        yield* on(() => {
          out.end()
          return over
        })
        yield* on(async () => {
          await chmod(partial, mode ?? 0o644)
          await rename(partial, file)
        })
        return bytes
      }),
    (out, exit) =>
      Exit.isSuccess(exit)
        ? Effect.void
        : Effect.promise(async () => {
            out.destroy()
            await rm(partial, { force: true })
          })
  )
}

/** Copies a file or folder out. */
export const copyOut = (devbox: Devbox, from: string, to: string, progress: Progress) =>
  Effect.gen(function* () {
    const source = yield* inside(devbox, from)
    if (source.kind === "nothing") return yield* nothingThere(`${from} in devbox ${devbox.id}`)
    const there = yield* here(to)
    const name = path.posix.basename(path.posix.resolve("/home/user", from))
    const destination = source.kind === "folder" && meansContents(from) ? to : target(to, there, name, path)
    if (source.kind === "folder") {
      const { download } = yield* Effect.promise(() => import("../../DevboxDirectory.ts"))
      return yield* download(devbox, from, destination, { onProgress: progress })
    }
    const before = yield* here(destination)
    const contents = tell(devbox.file.downloadStream(from), progress, source.size)
    const bytes = yield* writing(contents, destination, before.mode ?? source.mode)
    return { files: 1, bytes } satisfies Copied
  })

/** Copies stdin to a file inside. */
export const copyFromStdin = (devbox: Devbox, to: string) =>
  Effect.gen(function* () {
    let bytes = 0
    const input = Stream.fromAsyncIterable<Buffer, HostError>(process.stdin, hostError("reading from stdin"))
    yield* devbox.file.upload(
      to,
      tell(input, (done) => void (bytes = done), undefined)
    )
    return { files: 1, bytes } satisfies Copied
  })

/** Copies a file inside to stdout. */
export const copyToStdout = (devbox: Devbox, from: string) =>
  Effect.gen(function* () {
    let bytes = 0
    yield* Stream.runForEach(devbox.file.downloadStream(from), (chunk) => {
      bytes += chunk.byteLength
      return write("stdout", chunk)
    })
    return { files: 1, bytes } satisfies Copied
  })
