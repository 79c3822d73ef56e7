/**
 * A file of a devbox that is read and written in pieces: Effect's `File` with `dd` behind it. It has a position of its own
 * and follows the path, not the file: who renames it meanwhile takes it away.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import { type File, FileTypeId, type OpenFlag, type SeekMode } from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Result from "effect/Result"
import type { Devbox } from "../../DevboxHandle.ts"
import { badArgument, fromTool, type Place } from "./platform.ts"
import { operand, run, runScript } from "./tools.ts"

/** How `dd` opens a file for each flag. */
const opening = (
  flag: OpenFlag,
  noFollow: boolean
): { readonly target: "if" | "of"; readonly words: ReadonlyArray<string> } => {
  const follow = noFollow ? ["nofollow"] : []
  if (flag === "r") {
    return { target: "if", words: ["count=0", "of=/dev/null", ...follow.map((word) => `iflag=${word}`)] }
  }
  const conv = [
    ...(flag.includes("x") ? ["excl"] : []),
    ...(flag === "r+" ? ["nocreat"] : []),
    ...(flag.startsWith("w") ? [] : ["notrunc"])
  ]
  return {
    target: "of",
    words: [
      "if=/dev/null",
      ...(conv.length === 0 ? [] : [`conv=${conv.join(",")}`]),
      ...follow.map((word) => `oflag=${word}`)
    ]
  }
}

/** Opens, creates or empties a file as the flag says; a mode is for a file that did not exist. */
export const touch = (
  devbox: Devbox,
  place: Place,
  flag: OpenFlag,
  options: { readonly mode?: number | undefined; readonly noFollow?: boolean | undefined } = {}
): Effect.Effect<void, PlatformError> => {
  const path = operand(place.path ?? "")
  const { target, words } = opening(flag, options.noFollow === true)
  const dd = ["dd", "status=none", `${target}=${path}`, ...words]
  if (options.mode === undefined || target === "if") return Effect.asVoid(run(devbox, place, dd))
  const script = 'path=$1 mode=$2; shift 2; [ -e "$path" ] && exec "$@"; "$@" && exec chmod "$mode" -- "$path"'
  return Effect.asVoid(runScript(devbox, place, script, [path, permissions(options.mode), ...dd]))
}

/** The permission bits as `chmod` takes them. */
export const permissions = (mode: number): string => (mode & 0o7777).toString(8)

/** The file, opened already. */
export const openFile = (
  devbox: Devbox,
  path: string,
  flag: OpenFlag,
  stat: File["stat"],
  truncateTo: (length: number) => Effect.Effect<void, PlatformError>
): File => {
  const append = flag.startsWith("a")
  const readable = flag === "r" || flag.endsWith("+")
  let position = 0n
  const at = operand(path)
  const place = (method: string): Place => ({ module: "FileSystem", method, path })
  const refuse = (method: string) => Effect.fail(fromTool(place(method), `it was opened with the flag "${flag}"`, 0))

  const readAt = (method: string, from: bigint, size: number): Effect.Effect<Uint8Array, PlatformError> =>
    from < 0n
      ? Effect.fail(badArgument(place(method), "Cannot read before the start of the file"))
      : // As base64, so that any backend carries it whole.
        runScript(
          devbox,
          place(method),
          'dd status=none iflag=skip_bytes,count_bytes bs=65536 if="$1" skip="$2" count="$3" | base64 -w0',
          [at, String(from), String(size)],
          { silent: true }
        ).pipe(
          Effect.flatMap((text) => {
            const bytes = Base64.decode(text)
            return Result.isSuccess(bytes)
              ? Effect.succeed(bytes.success)
              : Effect.fail(fromTool(place(method), "the devbox answered what is not base64", 0))
          })
        )

  const read = (method: string, size: number, explicit: bigint | undefined) =>
    Effect.suspend(() => {
      if (!Number.isInteger(size) || size < 0) {
        return Effect.fail(badArgument(place(method), "size must be a non-negative integer"))
      }
      if (!readable) return refuse(method)
      const from = explicit ?? position
      return Effect.map(readAt(method, from, size), (bytes) => {
        if (explicit === undefined) position = from + BigInt(bytes.length)
        return bytes
      })
    })

  const write = (method: string, bytes: Uint8Array) =>
    Effect.suspend(() => {
      if (flag === "r") return refuse(method)
      if (bytes.length === 0) return Effect.void
      const from = position
      const where = append ? ["oflag=append"] : ["oflag=seek_bytes", `seek=${from}`]
      const words = ["dd", "status=none", "bs=65536", "iflag=fullblock", "conv=notrunc,nocreat", `of=${at}`, ...where]
      return Effect.map(run(devbox, place(method), words, { stdin: bytes }), () => {
        if (!append) position = from + BigInt(bytes.length)
      })
    })

  return {
    [FileTypeId]: FileTypeId,
    stat,
    seek: (offset: bigint, from: SeekMode) =>
      Effect.suspend(() => {
        const next = from === "start" ? offset : position + offset
        if (next < 0n) return Effect.fail(badArgument(place("seek"), "Cannot seek before the start of the file"))
        position = next
        return Effect.succeed(next)
      }),
    sync: Effect.asVoid(run(devbox, place("sync"), ["sync", at])),
    read: (buffer, options) =>
      Effect.map(read("read", buffer.length, options?.position), (bytes) => {
        buffer.set(bytes)
        return bytes.length
      }),
    readAlloc: (size, options) =>
      Effect.map(read("readAlloc", size, options?.position), (bytes) =>
        bytes.length === 0 ? Option.none() : Option.some(bytes)
      ),
    truncate: (length = 0) =>
      flag === "r"
        ? refuse("truncate")
        : Effect.map(truncateTo(length), () => {
            if (!append && position > BigInt(length)) position = BigInt(length)
          }),
    write: (buffer) => Effect.as(write("write", buffer), buffer.length),
    writeAll: (buffer) => write("writeAll", buffer)
  }
}
