/** Devboxes with a size: what they may not exceed, what is said when they try, and that nothing of it stays. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxService } from "@effect-devbox/core"
import { LaunchParameters } from "@effect-devbox/core/DevboxModel"
import { Effect, Stream } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { findGroupParents } from "../../../packages/node/src/internal/sandbox/groupsOfHost.ts"
import { findLeaks } from "../../tools/findLeaks.ts"
import { inLocal, local, stateDir } from "./fixtures.ts"

const parents = findGroupParents()
const enforced = parents.memory !== undefined && parents.cpu !== undefined && parents.pids !== undefined
const small = new LaunchParameters({ resourceSizeRequest: "CUSTOM_SIZE", customGbMemory: 1, customCpuCores: 1 })
/** Takes memory until there is none, and ends as its hungriest part does. */
const hog = "head -c 2G /dev/zero | tail >/dev/null; exit ${PIPESTATUS[1]}"
const groups = (dir: string) => findLeaks({ stateDir: dir }).filter(({ kind }) => kind === "control group")

describe("a devbox with a size", () => {
  it.live("says how far each limit reaches", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const service = yield* DevboxService
        const box = yield* service.create({ launchParameters: small })
        const reach = enforced ? "enforced" : "unavailable"
        const limits = { ...(yield* box.getInfo).limits }
        assert.deepStrictEqual(limits, {
          memory: enforced ? "enforced" : "perProcess",
          cpu: reach,
          pids: "enforced",
          disk: "unavailable"
        })
        assert.deepStrictEqual({ ...service.capabilities.limits }, limits)
      })
    )
  )

  for (const detached of [false, true]) {
    it.live(
      `reports a lack of memory as what it is, in a ${detached ? "detached" : "scoped"} devbox`,
      (context) =>
        inLocal((dir) =>
          Effect.gen(function* () {
            if (!enforced) return context.skip("this process can make no control groups")
            const box = yield* detached
              ? Effect.acquireRelease(Devbox.createDetached({ launchParameters: small }), ({ close }) =>
                  Effect.orDie(close)
                )
              : Devbox.create({ launchParameters: small })
            assert.strictEqual(groups(dir).length, 3)
            const result = yield* box.cmd.exec(hog)
            assert.deepStrictEqual(
              [result.exitCode, result.signal, result.failureReason],
              [137, "SIGKILL", "out_of_memory"]
            )
            const error = yield* Effect.flip(box.cmd.execOrFail(hog))
            assert.strictEqual(error._tag, "CommandFailed")
            assert.include(error.message, "no memory left")
            const shell = box.cmd.shell()
            assert.strictEqual((yield* shell.exec(`(${hog})`)).failureReason, "out_of_memory")
            assert.strictEqual((yield* shell.exec("echo on")).stdout, "on\n")
            // What survives the death of a child is no failure, but the log has it.
            const survivor = yield* box.cmd.exec(`(${hog}); echo went on`)
            assert.deepStrictEqual([survivor.exitCode, survivor.failureReason], [0, undefined])
            const logged = yield* box.logs({ executionId: survivor.executionId })
            assert.isTrue(logged.some(({ level, message }) => level === "error" && message?.includes("no memory left")))
            yield* box.cmd.execOrFail("true")
          })
        ),
      120_000
    )
  }

  it.live("that runs out of memory as a whole fails for that reason", (context) =>
    inLocal(() =>
      Effect.gen(function* () {
        if (!enforced) return context.skip("this process can make no control groups")
        const box = yield* Devbox.create({ launchParameters: small })
        const error = yield* Effect.flip(box.cmd.exec(`(${hog}); kill -9 -1`))
        assert.strictEqual(error._tag, "DevboxNotReady")
        const info = yield* box.getInfo
        assert.deepStrictEqual([info.status, info.failureReason], ["failure", "out_of_memory"])
      })
    )
  )

  it.live("leaves no control group behind when its owner is killed: the next program sweeps them", (context) =>
    Effect.scoped(
      Effect.gen(function* () {
        if (!enforced) return context.skip("this process can make no control groups")
        const dir = yield* stateDir
        const owner = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, [path.join(import.meta.dirname, "limitedProcess.ts"), dir], {
              stdio: ["pipe", "pipe", "inherit"]
            })
          ),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        yield* Effect.promise(() => once(createInterface({ input: owner.stdout }), "line"))
        assert.strictEqual(groups(dir).length, 3)
        const gone = once(owner, "exit")
        owner.kill("SIGKILL")
        yield* Effect.promise(() => gone)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const service = yield* DevboxService
            const [info] = yield* Stream.runCollect(service.list())
            assert.strictEqual(info?.status, "shutdown")
          })
        ).pipe(Effect.provide(local(dir)))
        assert.deepStrictEqual(groups(dir), [])
      })
    )
  )
})
