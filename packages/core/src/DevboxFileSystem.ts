/**
 * Effect's own `FileSystem` over a devbox, so that a program which knows nothing of devboxes works on the files of one. It
 * uses what every Linux devbox has (GNU coreutils and findutils) and the file operations of the handle; it keeps no state.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as Stream from "effect/Stream"
import type { Devbox } from "./DevboxHandle.ts"
import { parseStat, statFormat, typeOfLetter } from "./internal/interop/fileInfo.ts"
import { openFile, permissions, touch } from "./internal/interop/openFile.ts"
import { fromDevbox, fromTool, type Place } from "./internal/interop/platform.ts"
import { checkPath, operand, run, type RunOptions, runScript } from "./internal/interop/tools.ts"
import { watching } from "./internal/interop/watch.ts"

/** `cp -n` of some versions calls it a failure that it left alone what it was to leave alone. */
const keptOld: RunOptions = {
  forgive: (stderr) =>
    stderr
      .trim()
      .split("\n")
      .every((line) => line.includes("not replacing"))
}

const seconds = (time: Date | number): string =>
  `@${(typeof time === "number" ? time : time.getTime() / 1000).toFixed(9)}`

/**
 * Builds the file system of a devbox. Paths are those inside; relative ones are taken from the home folder.
 *
 * **Gotchas**
 *
 * An open file follows its path, `watch` looks once a second, and every piece that is read or written costs a command: prefer
 * whole files, or `stream`.
 */
export const make = (devbox: Devbox): FileSystem.FileSystem => {
  const place = (method: string, path: string): Place => ({ module: "FileSystem", method, path })
  const tool = (method: string, path: string, words: ReadonlyArray<string>, options?: RunOptions) =>
    run(devbox, place(method, path), words, options)
  const quiet = (method: string, path: string, words: ReadonlyArray<string>, options?: RunOptions) =>
    Effect.asVoid(tool(method, path, words, options))
  const script = (method: string, path: string, text: string, ...args: ReadonlyArray<string>) =>
    Effect.asVoid(runScript(devbox, place(method, path), text, [operand(path), ...args]))
  /** Two paths; the error names the first. */
  const both = (method: string, from: string, to: string, words: ReadonlyArray<string>, options?: RunOptions) =>
    Effect.andThen(
      checkPath(place(method, to)),
      quiet(method, from, [...words, "--", operand(from), operand(to)], options)
    )

  const look = (method: string, path: string, words: ReadonlyArray<string>) =>
    Effect.flatMap(tool(method, path, ["stat", ...words, "-c", statFormat, "--", operand(path)]), (line) => {
      const info = parseStat(line)
      return info === undefined
        ? Effect.fail(fromTool(place(method, path), `stat answered ${JSON.stringify(line)}`, 0))
        : Effect.succeed(info)
    })
  const stat = (path: string) => look("stat", path, ["-L"])

  /** The entries below a folder; the slash at its end makes `find` refuse what is none. */
  const entries = (method: string, path: string, recursive: boolean, format: string) =>
    Effect.map(
      tool(method, path, [
        "find",
        `${operand(path)}/`,
        "-mindepth",
        "1",
        ...(recursive ? [] : ["-maxdepth", "1"]),
        "-printf",
        `${format}\\0`
      ]),
      (text) => text.split("\0").slice(0, -1)
    )

  const truncate = (method: string) => (path: string, length: number) =>
    script(method, path, 'stat -L -- "$1" >/dev/null && exec truncate --no-create -s "$2" -- "$1"', String(length))

  const remove =
    (method: string): FileSystem.FileSystem["remove"] =>
    (path, options) =>
      quiet(method, path, [
        "rm",
        ...(options?.recursive === true ? ["-r"] : []),
        ...(options?.force === true ? ["-f"] : []),
        "--",
        operand(path)
      ])

  const temporary =
    (method: string): FileSystem.FileSystem["makeTempDirectory"] =>
    (options) => {
      const directory = options?.directory ?? "/tmp"
      const template = `${operand(directory)}/${options?.prefix ?? ""}XXXXXXXXXX`
      return Effect.map(tool(method, directory, ["mktemp", "-d", "--", template]), (text) => text.replace(/\n$/, ""))
    }

  const temporaryFile =
    (method: string): FileSystem.FileSystem["makeTempFile"] =>
    (options) =>
      Effect.flatMap(temporary(method)(options), (directory) => {
        const file = `${directory}/file${options?.suffix ?? ""}`
        return Effect.as(touch(devbox, place(method, file), "wx"), file)
      })

  /** The folder that holds a file. */
  const parent = (file: string): string => file.slice(0, file.lastIndexOf("/"))

  const removedAfter = (
    method: string,
    made: Effect.Effect<string, PlatformError>,
    folderOf: (path: string) => string
  ) =>
    Effect.acquireRelease(made, (path) =>
      Effect.orDie(remove(method)(folderOf(path), { recursive: true, force: true }))
    )

  const readFile = (path: string) =>
    Effect.andThen(
      checkPath(place("readFile", path)),
      Effect.mapError(devbox.file.download(operand(path)), fromDevbox(place("readFile", path)))
    )

  const open: FileSystem.FileSystem["open"] = (path, options) => {
    const flag = options?.flag ?? "r"
    return Effect.as(
      touch(devbox, place("open", path), flag, options),
      openFile(devbox, path, flag, stat(path), (length) => truncate("truncate")(path, length))
    )
  }

  const made = FileSystem.make({
    access: (path, options) =>
      script(
        "access",
        path,
        'path=$1; shift; stat -L -- "$path" >/dev/null || exit; for test in "$@"; do [ "$test" "$path" ] || { echo "$path: Permission denied" >&2; exit 1; }; done',
        ...(options?.readable === true ? ["-r"] : []),
        ...(options?.writable === true ? ["-w"] : [])
      ),
    chmod: (path, mode) => quiet("chmod", path, ["chmod", permissions(mode), "--", operand(path)]),
    chown: (path, uid, gid) => quiet("chown", path, ["chown", `${uid}:${gid}`, "--", operand(path)]),
    copy: (from, to, options) =>
      both(
        "copy",
        from,
        to,
        [
          "cp",
          "-RT",
          ...(options?.overwrite === true ? ["-f"] : ["-n"]),
          ...(options?.preserveTimestamps === true ? ["--preserve=timestamps"] : [])
        ],
        options?.overwrite === true ? undefined : keptOld
      ),
    copyFile: (from, to) => both("copyFile", from, to, ["cp", "-T"]),
    link: (from, to) => both("link", from, to, ["ln", "-PT"]),
    // What a link says is no path of ours to complete.
    symlink: (from, to) =>
      Effect.andThen(checkPath(place("symlink", from)), quiet("symlink", to, ["ln", "-sT", "--", from, operand(to)])),
    lstat: (path) => look("lstat", path, []),
    stat,
    makeDirectory: (path, options) =>
      quiet("makeDirectory", path, [
        "mkdir",
        ...(options?.recursive === true ? ["-p"] : []),
        ...(options?.mode === undefined ? [] : ["-m", permissions(options.mode)]),
        "--",
        operand(path)
      ]),
    makeTempDirectory: temporary("makeTempDirectory"),
    makeTempDirectoryScoped: (options) =>
      removedAfter("makeTempDirectoryScoped", temporary("makeTempDirectoryScoped")(options), (path) => path),
    makeTempFile: temporaryFile("makeTempFile"),
    makeTempFileScoped: (options) =>
      removedAfter("makeTempFileScoped", temporaryFile("makeTempFileScoped")(options), parent),
    open,
    readDirectory: (path, options) => entries("readDirectory", path, options?.recursive === true, "%P"),
    readDirectoryEntries: (path) =>
      Effect.map(entries("readDirectoryEntries", path, false, "%y%P"), (names) =>
        names.map((name) => ({ name: name.slice(1), type: typeOfLetter(name.charAt(0)) }))
      ),
    readFile,
    readLink: (path) => tool("readLink", path, ["readlink", "-nv", "--", operand(path)]),
    realPath: (path) =>
      Effect.map(tool("realPath", path, ["realpath", "-ez", "--", operand(path)]), (text) => text.replace(/\0$/, "")),
    remove: remove("remove"),
    rename: (from, to) => both("rename", from, to, ["mv", "-fT"]),
    truncate: (path, length = 0) => truncate("truncate")(path, length),
    utimes: (path, atime, mtime) =>
      script(
        "utimes",
        path,
        'stat -L -- "$1" >/dev/null && touch -c -a -d "$2" -- "$1" && exec touch -c -m -d "$3" -- "$1"',
        seconds(atime),
        seconds(mtime)
      ),
    watch: (path, options) =>
      watching(
        Effect.map(
          tool("watch", path, [
            "find",
            operand(path),
            ...(options?.recursive === true ? [] : ["-maxdepth", "1"]),
            "-printf",
            "%i %s %T@ %C@ %P\\0"
          ]),
          (text) =>
            new Map(
              text
                .split("\0")
                .slice(0, -1)
                .map((line) => line.split(" "))
                .map(([inode, size, changed, state, ...name]) => [
                  // A watched file is known by its own name, what lies in a folder by its name there.
                  name.join(" ") === "" ? path : `${path}/${name.join(" ")}`,
                  `${inode} ${size} ${changed} ${state}`
                ])
            )
        )
      ),
    writeFile: (path, data, options) => {
      const flag = options?.flag ?? "w"
      const at = place("writeFile", path)
      if (flag !== "w" && flag !== "wx") {
        return Effect.scoped(Effect.flatMap(open(path, { ...options, flag }), (file) => file.writeAll(data)))
      }
      const { mode } = options ?? {}
      return Effect.gen(function* () {
        const isNew =
          mode !== undefined && (yield* runScript(devbox, at, '[ -e "$1" ] || echo new', [operand(path)])) !== ""
        // Opening first, so that a missing folder or a wrong flag is told apart as the file system does it.
        yield* touch(devbox, at, flag)
        yield* Effect.mapError(devbox.file.upload(operand(path), data), fromDevbox(at))
        // Last, since the mode may forbid writing.
        if (isNew) yield* quiet("writeFile", path, ["chmod", permissions(mode), "--", operand(path)])
      })
    }
  })
  return FileSystem.FileSystem.of({
    ...made,
    // The whole file in one go; a part of it is read in pieces.
    stream: (path, options) =>
      options?.offset !== undefined || options?.bytesToRead !== undefined
        ? made.stream(path, options)
        : Stream.unwrap(
            Effect.as(
              checkPath(place("stream", path)),
              Stream.mapError(devbox.file.downloadStream(operand(path)), fromDevbox(place("stream", path)))
            )
          )
  })
}

/** Effect's `FileSystem`, inside a devbox. */
export const layer = (devbox: Devbox): Layer.Layer<FileSystem.FileSystem> =>
  Layer.succeed(FileSystem.FileSystem, make(devbox))
