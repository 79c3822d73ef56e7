/** Files of the local backend: any size, every kind of failure, and never a path of the host. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox } from "@effect-devbox/core"
import type { FileError } from "@effect-devbox/core/DevboxError"
import { Effect, Stream } from "effect"
import { createHash } from "node:crypto"
import { inLocal } from "./fixtures.ts"

const kindOf = <A>(effect: Effect.Effect<A, { readonly _tag: string; readonly message: string }>) =>
  Effect.map(Effect.flip(effect), (error) =>
    error._tag === "FileError" ? (error as FileError).kind : `${error._tag}: ${error.message}`
  )

describe("files on the local backend", () => {
  it.live("come back as they went, and parents are made", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { cmd, file } = yield* Devbox.create()
        const text = "žluť\n\tquote ' \" $HOME\n"
        for (const path of ["a.txt", "~/b/c.txt", "/tmp/d/e f/g.txt", "-rf", "new\nline"]) {
          yield* file.write(path, text)
          assert.strictEqual(yield* file.read(path), text, path)
        }
        assert.strictEqual((yield* cmd.execOrFail("cat /home/user/b/c.txt")).stdout, text)
        const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
        yield* file.upload("bytes", bytes)
        assert.deepStrictEqual(Buffer.from(yield* file.download("bytes")), Buffer.from(bytes))
        yield* file.write("empty", "")
        assert.strictEqual(yield* file.read("empty"), "")
      })
    )
  )

  it.live("keep the mode of the file they replace and follow its links inside", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { cmd, file } = yield* Devbox.create()
        yield* cmd.execOrFail("echo old > run.sh; chmod 754 run.sh; ln -s run.sh link")
        yield* file.write("link", "new\n")
        assert.strictEqual(
          (yield* cmd.execOrFail("stat -c %a run.sh; cat run.sh; readlink link; ls -A | wc -l")).stdout
            .split("\n")
            .slice(0, 3)
            .join(),
          "754,new,run.sh"
        )
      })
    )
  )

  it.live("fail with the kind of the problem", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { cmd, file } = yield* Devbox.create()
        yield* cmd.execOrFail(
          "mkdir dir; echo x > plain; echo x > closed; chmod 000 closed; mkdir locked; chmod 500 locked; printf '\\377\\376' > binary"
        )
        assert.strictEqual(yield* kindOf(file.read("nowhere")), "NotFound")
        assert.strictEqual(yield* kindOf(file.read("dir")), "IsDirectory")
        assert.strictEqual(yield* kindOf(file.write("dir", "x")), "IsDirectory")
        assert.strictEqual(yield* kindOf(file.write("dir/", "x")), "IsDirectory")
        assert.strictEqual(yield* kindOf(file.read("plain/below")), "NotADirectory")
        assert.strictEqual(yield* kindOf(file.write("plain/below", "x")), "NotADirectory")
        assert.strictEqual(yield* kindOf(file.read("closed")), "PermissionDenied")
        assert.strictEqual(yield* kindOf(file.write("locked/new", "x")), "PermissionDenied")
        assert.strictEqual(yield* kindOf(file.write("/usr/new", "x")), "PermissionDenied")
        assert.strictEqual(yield* kindOf(file.read("binary")), "InvalidUtf8")
        assert.strictEqual(yield* kindOf(file.read("")), "InvalidPath")
        assert.strictEqual(yield* kindOf(file.read("a\0b")), "InvalidPath")
        assert.strictEqual(yield* kindOf(file.write(`${"n".repeat(300)}`, "x")), "InvalidPath")
        assert.strictEqual(yield* kindOf(file.upload("/dev/full", "x")), "NoSpace")
      })
    )
  )

  it.live("are whole or as before when an upload breaks off", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { cmd, file } = yield* Devbox.create()
        yield* file.write("kept", "old")
        const broken = Stream.concat(Stream.make(new Uint8Array(100_000)), Stream.fail("mine" as const))
        assert.strictEqual(yield* Effect.flip(file.upload("kept", broken)), "mine")
        assert.strictEqual(yield* file.read("kept"), "old")
        assert.strictEqual(
          (yield* cmd.execOrFail("ls -A | grep -v '^\\.upload' | tr '\\n' ' '")).stdout.includes("kept"),
          true
        )
      })
    )
  )

  it.live("of 64 MB stream both ways in constant memory", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { cmd, file } = yield* Devbox.create()
        const piece = Uint8Array.from({ length: 64 * 1024 }, (_, at) => (at * 7) & 255)
        const sent = createHash("sha256")
        const contents = Stream.range(1, 1024).pipe(Stream.map(() => (sent.update(piece), piece)))
        const before = process.memoryUsage().rss
        yield* file.upload("big", contents)
        assert.strictEqual((yield* cmd.execOrFail("stat -c %s big")).stdout.trim(), String(64 * 1024 * 1024))
        const received = createHash("sha256")
        yield* Stream.runForEach(file.downloadStream("big"), (bytes) => Effect.sync(() => void received.update(bytes)))
        assert.strictEqual(received.digest("hex"), sent.digest("hex"))
        assert.isBelow(process.memoryUsage().rss - before, 120 * 1024 * 1024)
      })
    )
  )

  it.live("can be read in part: the rest is not waited for", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { cmd, file } = yield* Devbox.create()
        yield* cmd.execOrFail("head -c 20000000 /dev/zero > big")
        const first = yield* Stream.runHead(file.downloadStream("big"))
        assert.strictEqual(first._tag, "Some")
        assert.strictEqual((yield* cmd.execOrFail("pgrep -x cat | wc -l")).stdout.trim(), "0")
      })
    )
  )
})
