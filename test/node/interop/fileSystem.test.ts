/** Effect's `FileSystem` over a devbox does what Effect's own does on this machine: the same steps, the same outcomes. */
import { Devbox } from "@effect-devbox/core"
import * as DevboxFileSystem from "@effect-devbox/core/DevboxFileSystem"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, type PlatformError, Stream } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { inLocal } from "../local/fixtures.ts"

type Step = (
  fs: FileSystem.FileSystem,
  at: (name: string) => string
) => Effect.Effect<unknown, PlatformError.PlatformError>

const bytes = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 31) % 256)
const text = (value: Uint8Array) => new TextDecoder().decode(value)
/** A buffer of Node prints otherwise than an array of bytes. */
const asText = Option.map((piece: Uint8Array) => Uint8Array.from(piece).join())
/** What two file systems have to agree on. */
const facts = (info: FileSystem.File.Info) => ({
  type: info.type,
  size: info.size,
  permissions: info.mode & 0o777,
  mtime: Option.map(info.mtime, (date) => date.getTime() > 0)
})
const withFile =
  (
    flag: FileSystem.OpenFlag,
    use: (file: FileSystem.File) => Effect.Effect<unknown, PlatformError.PlatformError>
  ): Step =>
  (fs, at) =>
    Effect.scoped(Effect.flatMap(fs.open(at("open.txt"), { flag }), use))

/** In order: each builds on those before. */
const steps: ReadonlyArray<readonly [string, Step]> = [
  [
    "writes and reads text",
    (fs, at) => Effect.andThen(fs.writeFileString(at("a.txt"), "héllo\n"), fs.readFileString(at("a.txt")))
  ],
  [
    "reads bytes",
    (fs, at) =>
      Effect.andThen(
        fs.writeFile(at("b.bin"), bytes(300_000)),
        Effect.map(fs.readFile(at("b.bin")), (b) => b.join())
      )
  ],
  [
    "writes no byte",
    (fs, at) => Effect.andThen(fs.writeFile(at("empty"), bytes(0)), Effect.map(fs.readFile(at("empty")), text))
  ],
  ["refuses a file in no folder", (fs, at) => fs.writeFileString(at("none/a.txt"), "x")],
  ["refuses to write a folder", (fs, at) => fs.writeFileString(at("."), "x")],
  ["refuses to read what is not there", (fs, at) => fs.readFile(at("none"))],
  ["refuses to read a folder", (fs, at) => fs.readFile(at("."))],
  ["refuses the empty path", (fs) => fs.stat("")],
  ["refuses NUL", (fs, at) => fs.readFileString(at("a\0b"))],
  [
    "creates with a mode",
    (fs, at) =>
      Effect.andThen(fs.writeFileString(at("mode.sh"), "x", { mode: 0o750 }), Effect.map(fs.stat(at("mode.sh")), facts))
  ],
  [
    "keeps the mode of what exists",
    (fs, at) =>
      Effect.andThen(fs.writeFileString(at("mode.sh"), "y", { mode: 0o600 }), Effect.map(fs.stat(at("mode.sh")), facts))
  ],
  ["refuses wx on what exists", (fs, at) => fs.writeFileString(at("a.txt"), "x", { flag: "wx" })],
  [
    "appends",
    (fs, at) => Effect.andThen(fs.writeFileString(at("a.txt"), "more", { flag: "a" }), fs.readFileString(at("a.txt")))
  ],
  [
    "changes in place with r+",
    (fs, at) => Effect.andThen(fs.writeFileString(at("a.txt"), "J", { flag: "r+" }), fs.readFileString(at("a.txt")))
  ],
  ["refuses r+ on nothing", (fs, at) => fs.writeFileString(at("none"), "J", { flag: "r+" })],
  ["knows what exists", (fs, at) => Effect.all([fs.exists(at("a.txt")), fs.exists(at("none")), fs.exists(at("."))])],
  ["has access", (fs, at) => fs.access(at("a.txt"), { readable: true, writable: true })],
  ["has no access to nothing", (fs, at) => fs.access(at("none"))],
  ["stats a file", (fs, at) => Effect.map(fs.stat(at("b.bin")), facts)],
  ["stats a folder", (fs, at) => Effect.map(fs.stat(at(".")), ({ type }) => type)],
  ["stats nothing", (fs, at) => fs.stat(at("none"))],
  ["stats below a file", (fs, at) => fs.stat(at("a.txt/x"))],
  ["changes modes", (fs, at) => Effect.andThen(fs.chmod(at("a.txt"), 0o640), Effect.map(fs.stat(at("a.txt")), facts))],
  ["makes a folder", (fs, at) => fs.makeDirectory(at("dir"))],
  ["refuses a folder that exists", (fs, at) => fs.makeDirectory(at("dir"))],
  ["accepts it when recursive", (fs, at) => fs.makeDirectory(at("dir"), { recursive: true })],
  ["refuses a folder in no folder", (fs, at) => fs.makeDirectory(at("none/deep"))],
  ["makes folders", (fs, at) => Effect.asVoid(fs.makeDirectory(at("dir/x/y"), { recursive: true }))],
  ["refuses a folder below a file", (fs, at) => fs.makeDirectory(at("a.txt/x"))],
  [
    "has odd names",
    (fs, at) =>
      Effect.andThen(fs.writeFileString(at("dir/-n é\n'\"$x"), "odd"), fs.readFileString(at("dir/-n é\n'\"$x")))
  ],
  ["lists", (fs, at) => Effect.map(fs.readDirectory(at("dir")), (names) => names.sort())],
  ["lists all", (fs, at) => Effect.map(fs.readDirectory(at("."), { recursive: true }), (names) => names.sort())],
  [
    "lists types",
    (fs, at) =>
      Effect.map(fs.readDirectoryEntries(at("dir")), (all) => all.map(({ name, type }) => `${type} ${name}`).sort())
  ],
  ["refuses to list a file", (fs, at) => fs.readDirectory(at("a.txt"))],
  ["refuses to list nothing", (fs, at) => fs.readDirectory(at("none"))],
  ["finds by pattern", (fs, at) => Effect.map(fs.glob("**/*.txt", { root: at(".") }), (names) => names.sort())],
  [
    "links",
    (fs, at) =>
      Effect.andThen(
        fs.symlink("a.txt", at("link")),
        Effect.all([fs.readLink(at("link")), fs.readFileString(at("link"))])
      )
  ],
  [
    "tells a link from its target",
    (fs, at) =>
      Effect.all([
        Effect.map(fs.lstat(at("link")), ({ type }) => type),
        Effect.map(fs.stat(at("link")), ({ type }) => type)
      ])
  ],
  ["refuses a link that exists", (fs, at) => fs.symlink("a.txt", at("link"))],
  ["refuses to read a link that is none", (fs, at) => fs.readLink(at("none"))],
  ["does not follow when told", (fs, at) => Effect.scoped(fs.open(at("link"), { flag: "r", noFollow: true }))],
  ["resolves", (fs, at) => fs.realPath(at("dir/../link"))],
  ["refuses to resolve nothing", (fs, at) => fs.realPath(at("none"))],
  ["links hard", (fs, at) => Effect.andThen(fs.link(at("a.txt"), at("hard")), fs.readFileString(at("hard")))],
  ["refuses a hard link that exists", (fs, at) => fs.link(at("a.txt"), at("hard"))],
  [
    "copies a file",
    (fs, at) => Effect.andThen(fs.copyFile(at("a.txt"), at("copy.txt")), fs.readFileString(at("copy.txt")))
  ],
  ["refuses to copy nothing", (fs, at) => fs.copyFile(at("none"), at("copy.txt"))],
  [
    "copies a folder",
    (fs, at) =>
      Effect.andThen(
        fs.copy(at("dir"), at("dir2")),
        Effect.map(fs.readDirectory(at("dir2"), { recursive: true }), (n) => n.sort())
      )
  ],
  [
    "leaves what exists",
    (fs, at) =>
      Effect.andThen(
        Effect.andThen(fs.writeFileString(at("new"), "new"), fs.copy(at("new"), at("copy.txt"))),
        fs.readFileString(at("copy.txt"))
      )
  ],
  [
    "overwrites when told",
    (fs, at) =>
      Effect.andThen(fs.copy(at("new"), at("copy.txt"), { overwrite: true }), fs.readFileString(at("copy.txt")))
  ],
  [
    "keeps times when told",
    (fs, at) =>
      Effect.andThen(
        Effect.andThen(
          fs.utimes(at("new"), 1, new Date(86_400_500)),
          fs.copy(at("new"), at("timed"), { preserveTimestamps: true })
        ),
        Effect.map(fs.stat(at("timed")), ({ mtime }) => Option.map(mtime, (d) => d.getTime()))
      )
  ],
  ["refuses times of nothing", (fs, at) => fs.utimes(at("none"), 1, 2)],
  [
    "renames",
    (fs, at) =>
      Effect.andThen(
        fs.rename(at("copy.txt"), at("moved.txt")),
        Effect.all([fs.exists(at("copy.txt")), fs.readFileString(at("moved.txt"))])
      )
  ],
  [
    "renames over a file",
    (fs, at) => Effect.andThen(fs.rename(at("moved.txt"), at("new")), fs.readFileString(at("new")))
  ],
  ["refuses to rename nothing", (fs, at) => fs.rename(at("none"), at("x"))],
  ["refuses to rename a file over a folder", (fs, at) => fs.rename(at("new"), at("dir2"))],
  ["truncates", (fs, at) => Effect.andThen(fs.truncate(at("new"), 2), fs.readFileString(at("new")))],
  ["refuses to truncate nothing", (fs, at) => fs.truncate(at("none"))],
  [
    "streams",
    (fs, at) => Effect.map(Stream.runCollect(fs.stream(at("b.bin"))), (all) => all.flatMap((c) => [...c]).join())
  ],
  [
    "streams a part",
    (fs, at) =>
      Effect.map(Stream.runCollect(fs.stream(at("b.bin"), { offset: 70_000, bytesToRead: 66_000 })), (all) =>
        all.flatMap((c) => [...c]).join()
      )
  ],
  ["refuses to stream nothing", (fs, at) => Stream.runDrain(fs.stream(at("none")))],
  [
    "takes a stream",
    (fs, at) =>
      Effect.andThen(
        Stream.run(Stream.fromIterable([bytes(70_000), bytes(3)]), fs.sink(at("sunk"))),
        Effect.map(fs.readFile(at("sunk")), (b) => b.join())
      )
  ],
  ["opens for nothing", (fs, at) => Effect.scoped(fs.open(at("none")))],
  [
    "writes in pieces",
    withFile("w+", (file) =>
      Effect.all([
        file.write(bytes(10)),
        file.writeAll(bytes(5)),
        file.seek(2n, "start"),
        file.write(new Uint8Array([255])),
        file.seek(-3n, "current"),
        Effect.map(file.readAlloc(100), asText)
      ])
    )
  ],
  [
    "reads in pieces",
    withFile("r", (file) =>
      Effect.all([
        Effect.map(file.readAlloc(4), asText),
        file.read(new Uint8Array(3)),
        Effect.map(file.readAlloc(4, { position: 1n }), asText),
        Effect.map(file.readAlloc(99), asText),
        Effect.map(file.readAlloc(1), asText)
      ])
    )
  ],
  [
    "reads into a buffer",
    withFile("r", (file) => {
      const buffer = new Uint8Array(6)
      return Effect.map(file.read(buffer), (n) => [n, String(buffer)])
    })
  ],
  [
    "appends in pieces",
    withFile("a+", (file) =>
      Effect.all([
        file.writeAll(bytes(2)),
        file.seek(0n, "start"),
        Effect.map(file.readAlloc(100), asText),
        Effect.map(file.stat, facts),
        file.sync
      ])
    )
  ],
  [
    "truncates what is open",
    withFile("r+", (file) =>
      Effect.all([file.seek(9n, "start"), file.truncate(4), file.write(bytes(1)), Effect.map(file.stat, facts)])
    )
  ],
  ["does not write what is open to read", withFile("r", (file) => file.writeAll(bytes(1)))],
  ["does not read what is open to write", withFile("a", (file) => file.readAlloc(1))],
  ["does not seek before the start", withFile("r", (file) => file.seek(-1n, "start"))],
  ["removes a file", (fs, at) => Effect.andThen(fs.remove(at("a.txt")), fs.exists(at("a.txt")))],
  ["refuses to remove nothing", (fs, at) => fs.remove(at("none"))],
  ["accepts it when forced", (fs, at) => fs.remove(at("none"), { force: true })],
  ["removes a folder", (fs, at) => Effect.andThen(fs.remove(at("dir"), { recursive: true }), fs.exists(at("dir")))],
  [
    "makes a temporary folder",
    (fs, at) =>
      Effect.flatMap(fs.makeTempDirectory({ directory: at("."), prefix: "tmp-" }), (made) =>
        Effect.map(fs.stat(made), (info) => [path.basename(made).slice(0, 4), facts(info).permissions, info.type])
      )
  ],
  ["refuses a temporary folder in none", (fs, at) => fs.makeTempDirectory({ directory: at("none") })],
  [
    "makes a temporary file",
    (fs, at) =>
      Effect.flatMap(fs.makeTempFile({ directory: at("."), suffix: ".json" }), (made) =>
        Effect.map(fs.readFile(made), (b) => [path.extname(made), b.length])
      )
  ],
  [
    "removes temporary things with their scope",
    (fs, at) =>
      Effect.flatMap(
        Effect.scoped(
          Effect.gen(function* () {
            const all = [
              yield* fs.makeTempDirectoryScoped({ directory: at(".") }),
              yield* fs.makeTempFileScoped({ directory: at(".") })
            ]
            return [all, yield* Effect.forEach(all, (made) => fs.exists(made))] as const
          })
        ),
        ([all, during]) =>
          Effect.map(
            Effect.forEach(all, (made) => fs.exists(made)),
            (after) => [during, after]
          )
      )
  ]
]

/** The outcome of each step, with what differs between machines taken out. */
const outcomes = (fs: FileSystem.FileSystem, root: string) =>
  Effect.forEach(steps, ([title, step]) =>
    step(fs, (name) => (name === "." ? root : `${root}/${name}`)).pipe(
      Effect.map((value) => JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}n` : each))),
      Effect.catch((error) => Effect.succeed(`fails with ${error.reason._tag}`)),
      Effect.map((outcome) => [title, (outcome ?? "nothing").replaceAll(root, "ROOT")] as const)
    )
  )

describe("the file system of a devbox", () => {
  it.live(
    "gives the outcomes that Effect's own file system gives on this machine",
    () =>
      inLocal(() =>
        Effect.gen(function* () {
          const devbox = yield* Devbox.create()
          const root = "/home/user/fs"
          yield* devbox.cmd.execOrFail(["mkdir", root])
          const inside = yield* outcomes(DevboxFileSystem.make(devbox), root)
          const own = fs.mkdtempSync(path.join(os.tmpdir(), "interop-"))
          const here = yield* outcomes(yield* FileSystem.FileSystem, own).pipe(
            Effect.ensuring(Effect.sync(() => fs.rmSync(own, { recursive: true, force: true })))
          )
          const differing = inside.filter((_, i) => inside[i]![1] !== here[i]![1])
          assert.deepStrictEqual(
            differing,
            here.filter(([title]) => differing.some(([other]) => other === title))
          )
          console.log(`file system: ${steps.length} steps agree with Effect's own`)
        }).pipe(Effect.provide(NodeFileSystem.layer))
      ),
    60_000
  )

  it.live("keeps what the user of the devbox may not touch, and notices changes", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        const files = DevboxFileSystem.make(devbox)
        const denied = yield* Effect.flip(files.writeFileString("/usr/bin/x", "x"))
        assert.strictEqual(denied.reason._tag, "Unknown")
        assert.include(denied.message, "Read-only file system")
        yield* files.writeFileString("secret", "x", { mode: 0 })
        assert.strictEqual((yield* Effect.flip(files.readFileString("secret"))).reason._tag, "PermissionDenied")
        assert.strictEqual(
          (yield* Effect.flip(files.access("secret", { readable: true }))).reason._tag,
          "PermissionDenied"
        )
        yield* files.makeDirectory("watched")
        let written = 0
        const writing = Effect.forever(Effect.suspend(() => files.writeFileString(`watched/${written++}`, "x")))
        const [event] = yield* files.watch("watched").pipe(
          Stream.filter(({ _tag }) => _tag === "Create"),
          Stream.take(1),
          Stream.runCollect,
          Effect.raceFirst(Effect.as(writing, []))
        )
        assert.match(event?.path ?? "nothing", /^watched\/\d+$/)
      })
    )
  )

  it.live("says that the devbox is gone, not that a file is missing", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        yield* devbox.close
        const error = yield* Effect.flip(DevboxFileSystem.make(devbox).exists("a"))
        assert.strictEqual(error.reason._tag, "Unknown")
        assert.include(error.message, devbox.id)
      })
    )
  )
})
