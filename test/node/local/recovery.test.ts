/** What other processes see of a devbox while its owner lives, what a crash leaves, and that an orderly end leaves nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxBackend, DevboxService } from "@effect-devbox/core"
import { CreateParams, DevboxId } from "@effect-devbox/core/DevboxModel"
import { cursorStart, ExecutionId } from "@effect-devbox/core/Execution"
import { LocalBackend } from "@effect-devbox/node"
import { Duration, Effect, Fiber, Stream } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { insertDevbox, transition } from "../../../packages/node/src/internal/store/devboxes.ts"
import { insertExecution } from "../../../packages/node/src/internal/store/executions.ts"
import { insertOwner } from "../../../packages/node/src/internal/store/owners.ts"
import { openStore } from "../../../packages/node/src/internal/store/store.ts"
import { inLocal, leftovers, local, stateDir } from "./fixtures.ts"

const hold = Duration.seconds(20)

/** Another process with a scoped devbox in which a command has printed and waits for the file `go`. */
const neighbour = (dir: string) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly child: ChildProcess; readonly id: DevboxId; readonly execution: ExecutionId }>(
          (resolve, reject) => {
            const child = spawn(process.execPath, [path.join(import.meta.dirname, "neighbourProcess.ts"), dir], {
              stdio: ["pipe", "pipe", "inherit"]
            })
            child.once("exit", (code) => reject(new Error(`the neighbour ended with ${code}`)))
            createInterface({ input: child.stdout }).once("line", (line) => {
              const { execution, id } = JSON.parse(line) as { readonly id: string; readonly execution: string }
              resolve({ child, id: DevboxId.make(id), execution: ExecutionId.make(execution) })
            })
          }
        )
    ),
    ({ child }) => ended(child, () => child.kill("SIGKILL"))
  )

const ended = (child: ChildProcess, act: () => void) =>
  Effect.promise(
    () =>
      new Promise<void>((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve()
        child.once("exit", () => resolve())
        act()
      })
  )

/** The letter of a process's state; nothing for one that is gone. */
const stateOf = (pid: number): string | undefined => {
  try {
    return /\) (\w)/.exec(fs.readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]
  } catch {
    return undefined
  }
}

const text = (backend: DevboxBackend.Shape, id: DevboxId, execution: ExecutionId) =>
  Effect.map(Stream.runCollect(backend.output(id, execution, "both", cursorStart)), (events) => ({
    text: events.map((event) => (event._tag === "Chunk" ? Buffer.from(event.bytes).toString() : "")).join(""),
    last: events.at(-1)
  }))

describe("a devbox of another process", () => {
  it.live("can be looked at and waited for, and its output read to the end, without its owner's help", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const { child, execution, id } = yield* neighbour(dir)
        yield* Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          assert.strictEqual((yield* backend.get(id)).status, "running")
          const reading = yield* Effect.forkChild(text(backend, id, execution))
          const waiting = yield* Effect.forkChild(backend.waitForExecution!(id, execution, hold))
          const watching = yield* Effect.forkChild(backend.waitForStatus!(id, ["shutdown"], hold))
          child.stdin?.write("go\n")
          const info = yield* Fiber.join(waiting)
          assert.deepStrictEqual([info.status, info.exitStatus], ["completed", 4])
          const seen = yield* Fiber.join(reading)
          assert.deepStrictEqual(seen, { text: "begun\nended\n", last: { _tag: "End", stdout: 12, stderr: 0 } })
          yield* ended(child, () => child.stdin?.end())
          assert.strictEqual((yield* Fiber.join(watching)).status, "shutdown")
        }).pipe(Effect.provide(local(dir)))
        assert.deepStrictEqual(leftovers(dir), [])
      })
    )
  )

  it.live("is shut down when its owner is killed, and its commands have no exit status", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const { child, execution, id } = yield* neighbour(dir)
        yield* Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          yield* ended(child, () => child.kill("SIGKILL"))
          const refused = yield* Effect.flip(
            backend.startExecution(id, { commandId: ExecutionId.make("late"), command: "true" })
          )
          assert.deepInclude(refused, { _tag: "DevboxNotReady", status: "shutdown" })
          const info = yield* backend.getExecution(id, execution)
          assert.deepStrictEqual(
            [info.status, info.exitStatus, info.failureReason],
            ["completed", undefined, "owner_died"]
          )
          fs.mkdirSync(path.join(dir, "boxes", "dbx_stray", "upper"), { recursive: true })
          const swept = yield* LocalBackend.gc(dir)
          assert.sameMembers([...swept.removed], [id, "dbx_stray"])
        }).pipe(Effect.provide(local(dir)))
        assert.deepStrictEqual(leftovers(dir), [])
        assert.deepStrictEqual(fs.readdirSync(path.join(dir, "owners")), [])
      })
    )
  )
})

describe("the local backend", () => {
  it.live("starts several times at once in one new state folder", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const one = Effect.scoped(Effect.flatMap(Devbox.create(), ({ cmd }) => cmd.execOrFail("echo here")))
        const results = yield* Effect.all(
          Array.from({ length: 4 }, () => one.pipe(Effect.provide(local(dir), { local: true }))),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          results.map(({ stdout }) => stdout),
          Array.from({ length: 4 }, () => "here\n")
        )
        assert.deepStrictEqual(leftovers(dir), [])
      })
    )
  )

  it.live("ends what it created when it is closed, also what is being created, and keeps no descriptor or timer", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const use = Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          const { id } = yield* backend.create(new CreateParams({}))
          const { executionId } = yield* backend.startExecution(id, {
            commandId: ExecutionId.make("e"),
            command: "echo x; sleep 60"
          })
          yield* Stream.runHead(backend.output(id, executionId, "both", cursorStart))
          yield* Effect.forkDetach(Effect.exit(backend.create(new CreateParams({}))), { startImmediately: true })
        }).pipe(Effect.provide(local(dir), { local: true }))
        yield* use
        const resources = () => ({
          files: fs.readdirSync("/proc/self/fd").length,
          active: process
            .getActiveResourcesInfo()
            .filter((name) => name !== "Immediate")
            .sort()
            .join()
        })
        const before = resources()
        for (let i = 0; i < 3; i++) yield* use
        assert.deepStrictEqual(resources(), before)
        assert.deepStrictEqual(leftovers(dir), [])
      })
    )
  )

  it.live(
    "tells three hundred commands at once apart",
    () =>
      inLocal(() =>
        Effect.gen(function* () {
          const { cmd } = yield* Devbox.create()
          const codes = yield* Effect.forEach(
            Array.from({ length: 300 }, (_, n) => n),
            (n) =>
              Effect.map(cmd.exec(`echo ${n}; exit ${n % 251}`), ({ exitCode, stdout }) => `${exitCode} ${stdout}`),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(
            codes,
            codes.map((_, n) => `${n % 251} ${n}\n`)
          )
        })
      ),
    120_000
  )

  it.live(
    "forgets a command that a process wrote down and died before it sent, and completes one that was to wait",
    () =>
      inLocal((dir) =>
        Effect.gen(function* () {
          const devbox = yield* Devbox.createDetached()
          const store = openStore(dir)
          const row = { devbox_id: devbox.id, source: "exec", command: "true", attach_stdin: 0 } as const
          insertExecution(store.db, { ...row, id: "sent-by-nobody", shell_name: null })
          insertExecution(store.db, { ...row, id: "waits-for-its-shell", shell_name: "s" })
          fs.writeFileSync(path.join(dir, "boxes", devbox.id, "q", "sent-by-nobody.sh"), "true\n")
          store.db.close()
          // A process that joins the devbox and goes away, as one that dies does.
          yield* Effect.flatMap(DevboxService, (devboxes) => devboxes.attach(devbox.id).cmd.exec("true")).pipe(
            Effect.provide(local(dir), { local: true })
          )
          const backend = yield* DevboxBackend.DevboxBackend
          const waiting = (id: string) => backend.waitForExecution!(devbox.id, ExecutionId.make(id), hold)
          const lost = yield* Effect.flip(waiting("sent-by-nobody"))
          assert.strictEqual(lost._tag, "ResourceNotFound")
          // Its id is free again, and what its process left for it is in nobody's way.
          const again = { commandId: ExecutionId.make("sent-by-nobody"), command: "exit 3" }
          yield* backend.startExecution(devbox.id, again)
          assert.strictEqual((yield* waiting("sent-by-nobody")).exitStatus, 3)
          const cut = yield* waiting("waits-for-its-shell")
          assert.deepStrictEqual([cut.status, cut.exitStatus], ["completed", undefined])
          yield* devbox.shutdown()
        })
      )
  )
})

describe("the end of the layer", () => {
  it.live("waits for holders that are leaving, since nobody else does when a devbox ended by itself", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        // What a holder is at its end: the devbox is written down as ended, and the process is not gone yet.
        const holder = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn("sh", ["-c", "read line; sleep 0.3", "holderMain"], { stdio: ["pipe", "ignore", "ignore"] })
          ),
          (child) => ended(child, () => child.kill("SIGKILL"))
        )
        yield* Effect.gen(function* () {
          const { db } = openStore(dir)
          insertOwner(db, { id: "leaving", kind: "holder", pid: holder.pid!, socket: null })
          insertDevbox(db, {
            id: "dbx_ended",
            owner_id: "leaving",
            detached: 1,
            status: "running",
            name: null,
            metadata: "{}",
            request: "{}",
            create_time_ms: Date.now()
          })
          transition(db, "dbx_ended", "shutdown", { shutdownReason: "entrypoint_exit" })
          db.close()
          yield* Effect.addFinalizer(() => Effect.sync(() => holder.stdin.end("\n")))
        }).pipe(Effect.scoped, Effect.provide(local(dir)))
        assert.notInclude(["R", "S", "D"], stateOf(holder.pid!))
      })
    )
  )
})
