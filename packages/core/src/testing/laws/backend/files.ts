/** Laws of files: bytes in and out, paths, and what each problem with a path is called. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { FileAccessError, FileError } from "../../../DevboxError.ts"
import {
  bytes,
  everyByte,
  exec,
  get,
  leavesNothing,
  noise,
  put,
  type Running,
  running,
  said,
  text,
  unique
} from "../boxes.ts"
import { equal, failsWith, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}

/** Claims that reading and writing a path fail, as what and with the path in the error. */
const fails = (
  box: Running,
  path: string,
  kinds: { readonly reading?: FileError["kind"]; readonly writing?: FileError["kind"] }
) =>
  Effect.gen(function* () {
    const cases: ReadonlyArray<{
      readonly name: string
      readonly call: Effect.Effect<unknown, FileAccessError>
      readonly kind: FileError["kind"] | undefined
    }> = [
      { name: "reading", call: get(box, path), kind: kinds.reading },
      { name: "writing", call: put(box, path, "x"), kind: kinds.writing }
    ]
    for (const { call, kind, name } of cases) {
      if (kind === undefined) continue
      const error = yield* failsWith(`${name} ${JSON.stringify(path)} fails`, call, "FileError")
      yield* equal(`${name} ${JSON.stringify(path)} is ${kind}`, error.kind, kind)
      yield* equal("the error names the path", error.path, path)
      yield* equal("and the devbox", error.devboxId, box.id)
    }
  })

/** See above. */
export const files: ReadonlyArray<BackendLaw> = [
  law(
    "file-round-trip",
    "A file that was written is read back to the byte, whatever its size.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      for (const contents of [new Uint8Array(0), bytes("x"), everyByte, noise(1_000_000)]) {
        yield* succeeds(`${contents.length} bytes can be written`, put(box, "round.bin", contents))
        const read = yield* succeeds(`${contents.length} bytes can be read`, get(box, "round.bin"))
        yield* equal("they are the same", read, contents)
      }
    })
  ),
  law(
    "file-in-pieces",
    "A file that comes in pieces, of unknown size, is put together in order.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const pieces = Array.from({ length: 50 }, (_, i) => bytes(`piece ${i}\n`))
      yield* succeeds("it can be written", box.backend.upload(box.id, "pieces.txt", Stream.fromIterable(pieces)))
      yield* equal("it is whole", text(yield* get(box, "pieces.txt")), pieces.map(text).join(""))
    })
  ),
  law(
    "file-makes-folders",
    "Writing a file makes the folders above it.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      yield* succeeds("it can be written", put(box, "a/b/c/deep.txt", "deep"))
      yield* equal("commands see it", yield* said(box, "cat a/b/c/deep.txt"), "deep")
    })
  ),
  law(
    "file-paths",
    "A path is absolute, or begins at the home folder, with or without ~.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const home = yield* said(box, "printf '%s' \"$HOME\"")
      yield* put(box, "same.txt", "same")
      for (const path of ["same.txt", "~/same.txt", `${home}/same.txt`, "./same.txt"]) {
        const read = yield* succeeds(`${path} can be read`, get(box, path))
        yield* equal(`${path} is the same file`, text(read), "same")
      }
      yield* put(box, "~/tilde.txt", "tilde")
      yield* equal("~ is the home for writing, too", yield* said(box, "cat tilde.txt"), "tilde")
      const absolute = `/tmp/${unique("law")}`
      yield* leavesNothing(box, absolute)
      yield* put(box, absolute, "absolute")
      yield* equal("absolute paths are what they say", yield* said(box, `cat ${absolute}`), "absolute")
    })
  ),
  law(
    "file-names",
    "A file may have any name that a file can have.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      for (const name of [
        "with space",
        "quote'\"`",
        "$HOME",
        "-rf",
        "new\nline",
        "ümläut 日本 🙂",
        "a;b&&c|d",
        "*",
        "\\n"
      ]) {
        const path = `names/${name}`
        yield* succeeds(`${JSON.stringify(name)} can be written`, put(box, path, name))
        const read = yield* succeeds(`${JSON.stringify(name)} can be read`, get(box, path))
        yield* equal(`${JSON.stringify(name)} is itself`, text(read), name)
        yield* equal(`${JSON.stringify(name)} is its name for commands, too`, yield* said(box, ["cat", path]), name)
      }
    })
  ),
  law(
    "file-replaces",
    "Writing a file replaces all that was in it.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      yield* put(box, "file.txt", "a long beginning")
      yield* put(box, "file.txt", "short")
      yield* equal("nothing is left of it", text(yield* get(box, "file.txt")), "short")
    })
  ),
  law(
    "file-keeps-mode",
    "Writing a file that exists leaves its mode as it was.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      yield* put(box, "run.sh", "one")
      yield* exec(box, "chmod 755 run.sh")
      yield* put(box, "run.sh", "two")
      const { info } = yield* exec(box, "test -x run.sh")
      yield* equal("it can still be executed", info.exitStatus, 0)
      yield* put(box, "plain.txt", "new")
      const plain = yield* exec(box, "test -x plain.txt")
      yield* equal("a new file cannot", plain.info.exitStatus, 1)
    })
  ),
  law(
    "file-and-commands",
    "Files and commands see the same disk.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      yield* exec(box, "mkdir -p made; echo by a command > made/file.txt")
      const written = yield* succeeds("what a command wrote can be read", get(box, "made/file.txt"))
      yield* equal("it is what was written", text(written), "by a command\n")
      yield* put(box, "made/file.txt", "by a call\n")
      yield* equal("what a call wrote is there for commands", yield* said(box, "cat made/file.txt"), "by a call")
      yield* exec(box, "rm made/file.txt")
      yield* fails(box, "made/file.txt", { reading: "NotFound" })
    })
  ),
  law(
    "file-not-found",
    "A file that does not exist is NotFound.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      yield* fails(box, "missing.txt", { reading: "NotFound" })
      yield* fails(box, "no/such/folder/missing.txt", { reading: "NotFound" })
    })
  ),
  law(
    "file-is-a-folder",
    "A folder is no file: neither to read nor to write.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      yield* put(box, "folder/file.txt", "x")
      yield* fails(box, "folder", { reading: "IsDirectory", writing: "IsDirectory" })
      yield* equal("what is in it stays", text(yield* get(box, "folder/file.txt")), "x")
    })
  ),
  law(
    "file-is-no-folder",
    "A file is no folder.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      yield* put(box, "plain", "x")
      yield* fails(box, "plain/inside", { reading: "NotADirectory", writing: "NotADirectory" })
      yield* equal("it stays what it was", text(yield* get(box, "plain")), "x")
    })
  ),
  law(
    "file-no-path",
    "What is no path is InvalidPath.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      yield* fails(box, "", { reading: "InvalidPath", writing: "InvalidPath" })
      yield* fails(box, "nul\0byte", { reading: "InvalidPath", writing: "InvalidPath" })
    })
  ),
  law(
    "file-stream-fails",
    "When the contents fail, the upload fails with their error.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const contents = Stream.concat(Stream.make(bytes("begin")), Stream.fail(new Broken({})))
      yield* failsWith("the upload fails with it", box.backend.upload(box.id, "broken.txt", contents), "Broken")
      yield* equal("the devbox goes on", (yield* exec(box, "true")).info.exitStatus, 0)
    })
  ),
  law(
    "file-left-early",
    "A download that is left early does no harm.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const large = noise(2_000_000)
      yield* put(box, "large.bin", large)
      const first = Stream.runCollect(Stream.take(box.backend.download(box.id, "large.bin"), 1))
      const [begin] = yield* succeeds("the beginning can be read", first)
      yield* equal("it is the beginning", begin, large.subarray(0, begin?.length ?? 1))
      const again = yield* succeeds("the file can still be read", get(box, "large.bin"))
      yield* equal("whole", again, large)
    })
  )
]
