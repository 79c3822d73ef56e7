/** Effect's `ChildProcessSpawner` over a devbox does what Effect's own does on this machine: the same programs, the same outcomes. */
import { Devbox } from "@effect-devbox/core"
import * as DevboxFileSystem from "@effect-devbox/core/DevboxFileSystem"
import * as DevboxSpawner from "@effect-devbox/core/DevboxSpawner"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, PlatformError, Redacted, Sink, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { inLocal } from "../local/fixtures.ts"

type Spawner = ChildProcessSpawner.ChildProcessSpawner["Service"]
type Step = (spawner: Spawner) => Effect.Effect<unknown, PlatformError.PlatformError>

const sh = (script: string, options: ChildProcess.CommandOptions = {}) =>
  ChildProcess.make("sh", ["-c", script], options)
const input = (text: string) => Stream.make(new TextEncoder().encode(text))
const text = (stream: Stream.Stream<Uint8Array, PlatformError.PlatformError>) =>
  Stream.mkString(Stream.decodeText(stream))
const withHandle =
  (
    command: ChildProcess.Command,
    use: (handle: ChildProcessSpawner.ChildProcessHandle) => Effect.Effect<unknown, PlatformError.PlatformError>
  ): Step =>
  (spawner) =>
    Effect.scoped(Effect.flatMap(spawner.spawn(command), use))

const steps: ReadonlyArray<readonly [string, Step]> = [
  ["gives what is printed", (spawner) => spawner.string(ChildProcess.make("echo", ["a b", "$HOME", "'"]))],
  ["gives lines", (spawner) => spawner.lines(sh("printf 'a\\nb\\n\\nc'"))],
  ["gives stderr among them when asked", (spawner) => spawner.lines(sh("echo e >&2"), { includeStderr: true })],
  ["leaves stderr out", (spawner) => spawner.string(sh("echo e >&2; echo o"))],
  [
    "gives exit codes",
    (spawner) => Effect.forEach([0, 1, 2, 126, 127, 128, 255], (code) => spawner.exitCode(sh(`exit ${code}`)))
  ],
  ["fails without the program", (spawner) => spawner.string(ChildProcess.make("no-such-program"))],
  ["fails without the program's file", (spawner) => spawner.string(ChildProcess.make("/no/such/program"))],
  ["fails for what is no program", (spawner) => spawner.string(ChildProcess.make("/etc"))],
  ["fails without the folder", (spawner) => spawner.string(ChildProcess.make("pwd", { cwd: "/no/such/folder" }))],
  ["runs in a folder", (spawner) => spawner.string(ChildProcess.make("pwd", { cwd: "/usr" }))],
  [
    "replaces the environment",
    (spawner) =>
      Effect.map(spawner.lines(ChildProcess.make("/usr/bin/env", { env: { A: "1 2", B: "$A" } })), (all) =>
        all.filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line)).sort()
      )
  ],
  [
    "extends the environment",
    (spawner) =>
      spawner.string(sh('echo "$A|${PATH:+path}|${GONE-unset}"', { env: { A: "1", GONE: undefined }, extendEnv: true }))
  ],
  [
    "passes redacted values",
    (spawner) =>
      spawner.string(
        ChildProcess.make("sh", ["-c", 'echo "$A$1"', "sh", Redacted.make("word")], {
          env: { A: Redacted.make("value") },
          extendEnv: true
        })
      )
  ],
  [
    "runs a script in a shell",
    (spawner) => spawner.string(ChildProcess.make("echo $((1+2)) | tr 3 4", { shell: true }))
  ],
  [
    "runs a script in a shell of a name",
    (spawner) => spawner.string(ChildProcess.make("echo ${BASH_VERSION:+bash}", { shell: "/bin/bash" }))
  ],
  ["refuses words for a shell", (spawner) => spawner.string(ChildProcess.make("echo", ["a"], { shell: true }))],
  ["refuses NUL", (spawner) => spawner.string(ChildProcess.make("echo", ["a\0b"]))],
  ["feeds a stream", (spawner) => spawner.string(ChildProcess.make("cat", { stdin: input("fed\n") }))],
  ["has no input when told", (spawner) => spawner.string(ChildProcess.make("cat", { stdin: "ignore" }))],
  [
    "fails with the input",
    (spawner) =>
      spawner.exitCode(
        ChildProcess.make("cat", { stdin: Stream.fail(PlatformError.badArgument({ module: "x", method: "y" })) })
      )
  ],
  [
    "feeds through the handle",
    withHandle(ChildProcess.make("cat"), (handle) =>
      Effect.andThen(Stream.run(input("by hand"), handle.stdin), text(handle.stdout))
    )
  ],
  [
    "separates the outputs",
    withHandle(sh("echo o; echo e >&2"), (handle) => Effect.all([text(handle.stdout), text(handle.stderr)]))
  ],
  [
    "ignores outputs when told",
    withHandle(sh("echo o; echo e >&2", { stdout: "ignore", stderr: "ignore" }), (handle) =>
      Effect.all([text(handle.all), handle.exitCode])
    )
  ],
  [
    "passes output through a sink",
    withHandle(
      sh("echo abc", {
        stdout: Sink.foldArray<Uint8Array, Uint8Array>(
          () => new Uint8Array(),
          () => true,
          (_, pieces) => Effect.succeed(Uint8Array.from(pieces[0]).fill(120))
        )
      }),
      (handle) => text(handle.stdout)
    )
  ],
  [
    "pipes commands",
    (spawner) =>
      spawner.string(
        sh("printf 'b\\na\\n'").pipe(
          ChildProcess.pipeTo(ChildProcess.make("sort")),
          ChildProcess.pipeTo(ChildProcess.make("tr", ["a", "A"]))
        )
      )
  ],
  [
    "pipes stderr",
    (spawner) =>
      spawner.string(sh("echo e >&2; echo o").pipe(ChildProcess.pipeTo(ChildProcess.make("cat"), { from: "stderr" })))
  ],
  [
    "knows what runs",
    withHandle(ChildProcess.make("sleep", ["100"]), (handle) =>
      Effect.andThen(handle.isRunning, (before) =>
        Effect.andThen(
          handle.kill(),
          Effect.map(handle.isRunning, (after) => [before, after])
        )
      )
    )
  ],
  [
    "fails for what a signal ended",
    withHandle(ChildProcess.make("sleep", ["100"]), (handle) => Effect.andThen(handle.kill(), handle.exitCode))
  ],
  [
    "kills what ignores the first signal",
    withHandle(sh("trap '' TERM; echo ready; while :; do sleep 1; done"), (handle) =>
      Effect.andThen(
        Stream.runHead(handle.stdout),
        Effect.andThen(handle.kill({ forceKillAfter: "50 millis" }), handle.isRunning)
      )
    )
  ],
  [
    "keeps bytes",
    (spawner) =>
      withHandle(ChildProcess.make("printf", ["\\377\\000\\200\\n"]), (handle) =>
        Effect.map(Stream.runCollect(handle.stdout), (all) => all.flatMap((piece) => [...piece]))
      )(spawner)
  ],
  ["gives much", (spawner) => Effect.map(spawner.string(sh("seq 1 200000")), (all) => all.length)]
]

const outcomes = (spawner: Spawner) =>
  Effect.forEach(steps, ([title, step]) =>
    step(spawner).pipe(
      Effect.map((value) => JSON.stringify(value)),
      Effect.catch((error) => Effect.succeed(`fails with ${error.reason._tag}`)),
      Effect.map((outcome) => [title, outcome] as const)
    )
  )

/** A program that knows nothing of devboxes: it counts the lines of the files that `git` knows. */
const census = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const folder = yield* fs.makeTempDirectoryScoped()
  yield* fs.writeFileString(`${folder}/a.txt`, "1\n2\n3\n")
  yield* fs.writeFileString(`${folder}/b.txt`, "1\n")
  yield* fs.writeFileString(`${folder}/ignored.log`, "1\n")
  yield* spawner.exitCode(ChildProcess.make("git", ["init", "-q"], { cwd: folder }))
  yield* spawner.exitCode(ChildProcess.make("git", ["add", "a.txt", "b.txt"], { cwd: folder }))
  const files = yield* spawner.lines(ChildProcess.make("git", ["ls-files"], { cwd: folder }))
  const counts = yield* Effect.forEach(files, (file) =>
    Effect.map(fs.readFileString(`${folder}/${file}`), (text) => [file, text.split("\n").length - 1] as const)
  )
  return { counts, hostname: (yield* spawner.string(ChildProcess.make("hostname"))).trim() }
}).pipe(Effect.scoped)

describe("the process spawner of a devbox", () => {
  it.live(
    "gives the outcomes that Effect's own spawner gives on this machine",
    () =>
      inLocal(() =>
        Effect.gen(function* () {
          const inside = yield* outcomes(DevboxSpawner.make(yield* Devbox.create()))
          const here = yield* outcomes(yield* ChildProcessSpawner.ChildProcessSpawner)
          assert.deepStrictEqual(inside, here)
          console.log(`process spawner: ${steps.length} programs agree with Effect's own`)
        }).pipe(Effect.provide(NodeServices.layer))
      ),
    60_000
  )

  it.live("runs a program that knows nothing of devboxes, unchanged", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const here = yield* Effect.provide(census, NodeServices.layer)
        const devbox = yield* Devbox.create()
        const inside = yield* Effect.provide(
          census,
          Layer.mergeAll(DevboxFileSystem.layer(devbox), DevboxSpawner.layer(devbox))
        )
        assert.deepStrictEqual(inside.counts, here.counts)
        assert.strictEqual(inside.hostname, "devbox")
      })
    )
  )

  it.live("refuses what a devbox cannot do before it starts anything", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        const spawner = DevboxSpawner.make(devbox)
        const refused: ReadonlyArray<ChildProcess.CommandOptions> = [
          { stdout: "inherit" },
          { stdin: "inherit" },
          { additionalFds: { fd3: { type: "input" } } },
          { killSignal: "SIGSTOP" },
          { env: { "a-b": "c" } }
        ]
        for (const options of refused) {
          const error = yield* Effect.flip(spawner.string(ChildProcess.make("touch", ["ran"], options)))
          assert.strictEqual(error.reason._tag, "BadArgument")
        }
        assert.strictEqual((yield* devbox.cmd.exec("test -e ran")).exitCode, 1)
      })
    )
  )

  it.live("says the true process id, and ends what a command left behind with its scope", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        const spawner = DevboxSpawner.make(devbox)
        const pid = yield* Effect.scoped(
          Effect.gen(function* () {
            const handle = yield* spawner.spawn(sh("echo $$; setsid sleep 1000 >/dev/null 2>&1 & exit 0"))
            assert.strictEqual((yield* text(handle.stdout)).trim(), String(handle.pid))
            yield* handle.exitCode
            return handle.pid
          })
        )
        assert.isAbove(pid, 0)
        assert.strictEqual((yield* devbox.cmd.exec("pgrep sleep")).exitCode, 1)
      })
    )
  )
})
