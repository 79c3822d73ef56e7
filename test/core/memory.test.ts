/** Devboxes in memory as a double: scripted commands, faults on demand, what a test sees, and what is refused. */
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { RateLimitError, UnavailableError } from "@effect-devbox/core/DevboxError"
import { CreateParams, type DevboxId } from "@effect-devbox/core/DevboxModel"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import { SnapshotParams } from "@effect-devbox/core/Snapshot"
import { VirtualTime } from "@effect-devbox/core/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** Runs a test on a memory backend of its own, in time that nobody has to move. */
const on =
  (options?: MemoryBackend.Options) =>
  <A, E>(test: Effect.Effect<A, E, DevboxService | DevboxBackend | MemoryBackend.Control>) =>
    VirtualTime.run(
      Effect.provide(test, DevboxService.layer.pipe(Layer.provideMerge(MemoryBackend.layerControl(options))))
    )

const create = Effect.flatMap(DevboxService, (service) => service.createDetached())
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))

describe("scripted commands", () => {
  it.live("answer what matches them, by text, pattern or question, the first first", () =>
    Effect.gen(function* () {
      const { cmd } = yield* create
      const said = (command: string | ReadonlyArray<string>) =>
        Effect.map(cmd.exec(command), (result) => [result.exitCode, result.stdout, result.stderr])
      assert.deepStrictEqual(yield* said("git status"), [128, "", "fatal: not a git repository\n"])
      assert.deepStrictEqual(yield* said("make all"), [0, "made all\n", ""])
      assert.deepStrictEqual(yield* said(["node", "-v"]), [0, "v24\n", ""])
      assert.deepStrictEqual(yield* said("make"), [127, "", "make: command not found\n"])
    }).pipe(
      on({
        commands: [
          { match: "git status", exitCode: 128, stderr: "fatal: not a git repository\n" },
          { match: /^git /, stdout: "never for status" },
          { match: ({ command }) => command.startsWith("make "), stdout: "made all\n" },
          { match: "node -v", stdout: "v24\n" }
        ]
      })
    )
  )

  it.live("are found inside of lists of commands, with folder and environment", () =>
    Effect.gen(function* () {
      const { cmd, file } = yield* create
      const result = yield* cmd.exec("mkdir -p app && cd app && export CI=1 && npm test > log.txt || echo failed")
      assert.strictEqual(result.stdout, "failed\n")
      assert.strictEqual(yield* file.read("app/log.txt"), "in /home/user/app with CI=1")
      assert.strictEqual(yield* file.read("app/report.xml"), "<report/>")
    }).pipe(
      on({
        commands: [
          {
            match: "npm test",
            run: (process) =>
              Effect.gen(function* () {
                yield* process.stdout(`in ${process.cwd} with CI=${process.env["CI"]}`)
                process.files.set(`${process.cwd}/report.xml`, {
                  _tag: "File",
                  bytes: new TextEncoder().encode("<report/>"),
                  mode: 0o644
                })
                return 1
              })
          }
        ]
      })
    )
  )

  it.live("take stdin, leave files, end by a signal", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { cmd, file } = yield* create
        const execution = yield* cmd.execAsync("repl", { attachStdin: true })
        yield* execution.send("1 + 1")
        yield* execution.signal("EOF")
        const result = yield* execution.result
        assert.deepStrictEqual([result.stdout, result.exitCode, result.signal], ["> 1 + 1", 139 - 2, "SIGKILL"])
        assert.strictEqual(yield* file.read("history"), "1 + 1")
      })
    ).pipe(
      on({ commands: [{ match: "repl", stdout: "> ", stdin: "echo", files: { history: "1 + 1" }, signal: "SIGKILL" }] })
    )
  )

  it.live("that break are a failure of the command with the reason on stderr", () =>
    Effect.gen(function* () {
      const { cmd } = yield* create
      const result = yield* cmd.exec("broken")
      assert.strictEqual(result.exitCode, 255)
      assert.include(result.stderr, "the script has a hole")
    }).pipe(
      on({
        commands: [
          {
            match: "broken",
            run: () => Effect.die(new Error("the script has a hole"))
          }
        ]
      })
    )
  )

  it.live("refuse what is not in their little language by name, rather than misread it", () =>
    Effect.gen(function* () {
      const { cmd } = yield* create
      for (const [command, what] of [
        ["ls | wc -l", "|"],
        ["echo $(date)", "$("],
        ["for i in 1 2; do echo $i; done; echo *", "*"],
        ["echo ${HOME:-x}", "${…} with an operator"],
        ["echo 'open", "a quote without its end"],
        ["cat <<EOF", "<<"]
      ] as const) {
        const result = yield* cmd.exec(command)
        assert.strictEqual(result.exitCode, 2, command)
        assert.include(result.stderr, `"${what}"`)
      }
    }).pipe(on())
  )

  it.live("know the ordinary commands", () =>
    Effect.gen(function* () {
      const { cmd } = yield* create
      for (const [command, stdout, exitCode] of [
        ["echo -n a; echo b # comment", "ab\n", 0],
        ["printf '%s=%d\\n' a 1 b 2", "a=1\nb=2\n", 0],
        ["printf '\\x41\\102\\t|'", "AB\t|", 0],
        ["A=1; echo \"$A\" '$A' \\$A $A$? ${A}x", "1 $A $A 10 1x\n", 0],
        ["A=1 printenv A; printenv A", "1\n", 1],
        ["false || echo or && echo and", "or\nand\n", 0],
        ["true || echo no; false && echo no; echo end", "end\n", 0],
        ["mkdir -p d/e; echo 1 > d/f; echo 2 >> d/f; cat < d/f; ls d", "1\n2\ne\nf\n", 0],
        ["cat missing 2> err; cat err", "cat: missing: No such file or directory\n", 0],
        ["echo out >&2 2>&1", "", 0],
        ["test -d d && [ -f d/f ] && [ ! -e d/x ] && [ a = a ] && [ -n x ] && echo yes", "yes\n", 0],
        ["rm d", "", 1],
        ["rm -r d; ls d", "", 1],
        ["cd missing", "", 1],
        ["cd ~ && pwd; cd /tmp; cd; pwd", "/home/user\n/home/user\n", 0],
        ["export B; B=2; unset B; echo [$B]", "[]\n", 0],
        ["sh -c 'echo inner; exit 3'; echo $?", "inner\n3\n", 0]
      ] as const) {
        const result = yield* cmd.exec(command)
        assert.deepStrictEqual([command, result.stdout, result.exitCode], [command, stdout, exitCode])
      }
    }).pipe(on())
  )
})

describe("faults on demand", () => {
  it.live("fail the next calls, and the service gets through what can be asked for again", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      yield* control.failNext("create", new RateLimitError({ detail: "slow down", retryAfterMs: 10 }), { times: 2 })
      const devbox = yield* create
      const creates = (yield* control.calls).filter(({ operation }) => operation === "create")
      assert.strictEqual(creates.length, 3)
      assert.strictEqual(new Set(creates.map(({ requestKey }) => requestKey)).size, 1, "one key for one wish")
      assert.deepStrictEqual(
        (yield* control.devboxes).map(({ id }) => id),
        [devbox.id]
      )
    }).pipe(on())
  )

  it.live("say of a failure whether to try again", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      yield* control.failNext("create", new UnavailableError({ detail: "full" }), { shouldRetry: false })
      const error = yield* Effect.flip(create)
      assert.strictEqual(error._tag, "BackendError")
      assert.strictEqual((yield* control.calls).filter(({ operation }) => operation === "create").length, 1)
    }).pipe(on())
  )

  it.live("lose the answer of a create that took place, which the service then finds", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      yield* control.loseReply("create")
      const devbox = yield* create
      assert.deepStrictEqual(
        (yield* control.devboxes).map(({ id }) => id),
        [devbox.id]
      )
    }).pipe(on())
  )

  it.live("cut output anywhere, loudly or silently, and the service delivers each byte once", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      const { cmd } = yield* create
      const execution = yield* cmd.execDetached("echo 0123456789; echo abcdef")
      for (const silently of [true, false]) {
        for (let at = 0; at <= 18; at += 3) {
          yield* control.cutOutput(at, { silently, times: 3 })
          assert.strictEqual(yield* Stream.mkString(execution.stdout), "0123456789\nabcdef\n")
          yield* control.clearFaults
        }
      }
    }).pipe(on())
  )

  it.live("do not answer, until nobody waits any more", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      const devbox = yield* create
      yield* control.stall("get")
      assert.strictEqual((yield* Effect.timeoutOption(devbox.getInfo, "1 minute"))._tag, "None")
      assert.strictEqual((yield* devbox.getInfo).status, "running")
    }).pipe(on())
  )

  it.live("show what was, for a while, and no wait is fooled by it", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      const devbox = yield* create
      for (let i = 0; i < 2; i++) {
        yield* control.lag(2)
        yield* devbox.suspend
        assert.strictEqual((yield* devbox.awaitSuspended()).status, "suspended")
        yield* devbox.resume
        assert.strictEqual((yield* devbox.awaitRunning()).status, "running")
      }
    }).pipe(on({ holds: false }))
  )

  it.live("make a devbox fail", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      const devbox = yield* create
      const fiber = yield* Effect.forkChild(devbox.cmd.exec("sleep 1000"))
      yield* Effect.yieldNow
      yield* control.fail(devbox.id, "out_of_memory")
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(error._tag, "DevboxNotReady")
      assert.include(error.message, "out_of_memory")
    }).pipe(on())
  )
})

describe("snapshots", () => {
  const started = Effect.gen(function* () {
    const control = yield* MemoryBackend.Control
    const backend = yield* DevboxBackend
    yield* control.hold("snapshot")
    const { id } = yield* create
    const { id: snapshot } = yield* backend.startSnapshot(id, new SnapshotParams({}))
    return { backend, control, id, snapshot }
  })

  it.live("in progress stand in the way of a shutdown, unless it is forced", () =>
    Effect.gen(function* () {
      const { backend, control, id, snapshot } = yield* started
      assert.strictEqual((yield* backend.getSnapshot(snapshot)).status, "in_progress")
      const error = yield* Effect.flip(backend.shutdown(id))
      assert.strictEqual(error._tag, "Conflict")
      assert.include(error.message, snapshot)
      assert.strictEqual((yield* backend.get(id)).status, "running")
      yield* backend.shutdown(id, { force: true })
      const state = yield* backend.getSnapshot(snapshot)
      assert.strictEqual(state.status, "error")
      assert.include(state.errorMessage, "shut down")
      assert.deepStrictEqual(yield* control.snapshots, [])
    }).pipe(on())
  )

  it.live("that fail are an error with the reason, and leave nothing", () =>
    Effect.gen(function* () {
      const { control, id, snapshot } = yield* started
      const service = yield* DevboxService
      yield* control.failSnapshots(id, "the disk is on fire")
      const error = yield* Effect.flip(service.awaitSnapshot(snapshot))
      assert.strictEqual(error._tag, "SnapshotFailed")
      assert.include(error.message, "the disk is on fire")
      assert.deepStrictEqual(yield* control.snapshots, [])
    }).pipe(on())
  )

  it.live("are of the instant at which they were asked for", () =>
    Effect.gen(function* () {
      const { backend, control, id, snapshot } = yield* started
      yield* backend.upload(id, "later.txt", Stream.make(new Uint8Array(3)))
      yield* control.release("snapshot")
      yield* Effect.repeat(backend.getSnapshot(snapshot), { until: ({ status }) => status === "complete" })
      const copy = yield* backend.create(new CreateParams({ snapshotId: snapshot }))
      assert.isUndefined(yield* control.readFile(copy.id, "later.txt"))
    }).pipe(on())
  )
})

describe("refusals", () => {
  it.live("of features that a test does without", () =>
    Effect.gen(function* () {
      const devbox = yield* create
      for (const [feature, call] of [
        ["suspend", devbox.suspend],
        ["snapshot", devbox.snapshotDisk()],
        ["tunnel", devbox.net.createTunnel(80)],
        ["stdin", Effect.flatMap(devbox.cmd.execDetached("cat", { attachStdin: true }), (each) => each.send("x"))]
      ] as const) {
        const error = yield* Effect.flip(call)
        assert.include(error.message, "UnsupportedError", feature)
      }
    }).pipe(on({ without: ["suspend", "snapshot", "tunnel", "stdin"] }))
  )

  it.live("of what cannot be made, before anything exists", () =>
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const control = yield* MemoryBackend.Control
      for (const fields of [
        { blueprintName: "x" },
        { secrets: { A: "a" } },
        { mcp: { A: { mcpConfig: "a", secret: "b" } } },
        { mounts: [{ type: "object_mount", objectId: "obj_1", objectPath: "/x" }] },
        { mounts: [{ type: "file_mount", target: "/proc/x", content: "x" }] }
      ] as const) {
        const error = yield* Effect.flip(backend.create(new CreateParams(fields)))
        assert.strictEqual(error._tag, "BackendError", JSON.stringify(fields))
      }
      assert.deepStrictEqual(yield* control.devboxes, [])
    }).pipe(on())
  )

  it.live("of files that do not fit, or have no place", () =>
    Effect.gen(function* () {
      const { file } = yield* create
      yield* file.upload("a.bin", new Uint8Array(800))
      yield* file.upload("a.bin", new Uint8Array(900))
      const full = yield* Effect.flip(file.upload("b.bin", new Uint8Array(200)))
      assert.strictEqual(full._tag === "FileError" ? full.kind : full._tag, "NoSpace")
      const denied = yield* Effect.flip(file.upload("/usr/bin/tool", "x"))
      assert.strictEqual(denied._tag === "FileError" ? denied.kind : denied._tag, "PermissionDenied")
    }).pipe(on({ diskBytes: 1000 }))
  )

  it.live("of pages that cannot be", () =>
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      for (const query of [{ limit: 0 }, { limit: 5001 }, { limit: 1.5 }, { startingAfter: "nonsense" }]) {
        const error = yield* Effect.flip(backend.list(query))
        assert.strictEqual(error.reason._tag, "InvalidRequestError", JSON.stringify(query))
      }
    }).pipe(on())
  )
})

describe("a memory backend", () => {
  it.live("puts mounted files in place", () =>
    Effect.gen(function* () {
      const service = yield* DevboxService
      const devbox = yield* service.createDetached({
        mounts: [{ type: "file_mount", target: "conf/a.json", content: "{}" }]
      })
      assert.strictEqual(yield* devbox.file.read("conf/a.json"), "{}")
    }).pipe(on())
  )

  it.live("carries connections to servers, of the test and of commands", () =>
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const { cmd, id } = yield* create
      const ask = (port: number) =>
        Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* backend.dial(id, port)
            yield* Stream.run(Stream.make(new TextEncoder().encode("hello")), connection.writable)
            return yield* Stream.mkString(Stream.decodeText(connection.readable))
          })
        )
      assert.strictEqual(yield* ask(80), "HELLO")
      const server = yield* cmd.execDetached("serve")
      assert.strictEqual(yield* ask(3000), "hello")
      yield* server.kill()
      const refused = yield* Effect.flip(ask(3000))
      assert.include(refused.message, "connection refused")
    }).pipe(
      on({
        servers: {
          80: (received) => Stream.encodeText(Stream.map(Stream.decodeText(received), (word) => word.toUpperCase()))
        },
        commands: [
          {
            match: "serve",
            run: ({ listen }) =>
              Effect.andThen(
                listen(3000, (received) => received),
                Effect.never
              )
          }
        ]
      })
    )
  )

  it.live("says the same in every run", () =>
    Effect.gen(function* () {
      const run = Effect.gen(function* () {
        const control = yield* MemoryBackend.Control
        const devbox = yield* create
        const execution = yield* devbox.cmd.exec("echo $$; sleep 1")
        yield* devbox.snapshotDisk()
        const infos = yield* control.devboxes
        return [
          infos.map((info) => ({ ...info, metadata: {} })),
          execution.stdout,
          (yield* control.snapshots).map(({ id }) => id)
        ]
      }).pipe(on())
      assert.deepStrictEqual(yield* run, yield* run)
    })
  )

  it.live("forgets what is over beyond a number, and the commands and files of it", () =>
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const control = yield* MemoryBackend.Control
      const ids: Array<DevboxId> = []
      for (let i = 0; i < 10; i++) {
        const { close, id } = yield* create
        yield* close
        ids.push(id)
      }
      const known = (yield* backend.list({ limit: 100 })).items.map(({ id }) => id)
      assert.deepStrictEqual(known, ids.slice(-3).toReversed())
      assert.isAtMost((yield* control.calls).length, 3)
    }).pipe(on({ remembered: 3 }))
  )

  it.live("stops everything when its layer is released", () =>
    Effect.gen(function* () {
      let stopped = false
      const fiber = yield* Effect.forkChild(
        Effect.gen(function* () {
          const { cmd } = yield* create
          yield* cmd.execDetached("endless")
        }).pipe(
          on({
            commands: [
              {
                match: "endless",
                run: () =>
                  Effect.onInterrupt(Effect.never, () =>
                    Effect.sync(() => {
                      stopped = true
                    })
                  )
              }
            ]
          })
        )
      )
      yield* Fiber.join(fiber)
      assert.isTrue(stopped)
    })
  )

  it.live("lets a test see files, commands and calls", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      const { cmd, file, id } = yield* create
      yield* file.write("a.txt", "a")
      yield* cmd.exec("echo one")
      yield* cmd.exec("exit 3")
      assert.strictEqual(text(yield* control.readFile(id, "~/a.txt")), "a")
      assert.deepStrictEqual(
        (yield* control.executions(id)).map(({ exitStatus, stdout }) => [exitStatus, stdout]),
        [
          [0, "one\n"],
          [3, ""]
        ]
      )
      const operations = (yield* control.calls).map(({ operation }) => operation)
      assert.includeMembers(operations, ["create", "upload", "startExecution"])
    }).pipe(on())
  )
})
