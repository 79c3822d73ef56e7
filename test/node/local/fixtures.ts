/** A state folder of its own and the service over it; what a test leaves behind fails it. */
import { type DevboxBackend, DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Layer, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { findLeaks } from "../../tools/findLeaks.ts"

/** A folder that a dropped user can pass through, gone with the scope. */
export const stateDir = Effect.acquireRelease(
  Effect.sync(() => {
    const dir = fs.mkdtempSync(path.join(process.env["DEVBOX_TEST_DIR"] ?? "/var/tmp", "devbox-local-"))
    fs.chmodSync(dir, 0o755)
    return dir
  }),
  (dir) =>
    Effect.sync(() => {
      // A test that fails half-way leaves its detached devboxes behind: they must not outlive it.
      for (const { kind, what } of findLeaks({ stateDir: dir })) {
        const pid = kind === "process" ? Number.parseInt(what, 10) : Number.NaN
        try {
          if (pid > 0) process.kill(pid, "SIGKILL")
          if (kind === "control group") fs.rmdirSync(what)
        } catch {
          // It ended by itself.
        }
      }
      fs.rmSync(dir, { recursive: true, force: true, maxRetries: 10 })
    })
)

/** The service on this machine. */
export const local = (dir: string, options: LocalBackend.Options = {}) =>
  DevboxService.layer.pipe(Layer.provideMerge(LocalBackend.layer({ stateDir: dir, ...options })))

/** Processes, mounts and folders of boxes that refer to the state folder. */
export const leftovers = (dir: string): ReadonlyArray<string> => [
  ...findLeaks({ stateDir: dir })
    .filter((leak) => leak.kind !== "directory")
    .map((leak) => JSON.stringify(leak)),
  ...(fs.existsSync(path.join(dir, "boxes")) ? fs.readdirSync(path.join(dir, "boxes")) : [])
]

/** Looks once whether anything is left, and dies of it: who has ended a devbox finds nothing of it. */
export const nothingLeft = (dir: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const left = leftovers(dir)
    return left.length === 0 ? Effect.void : Effect.die(new Error(`left behind:\n${left.join("\n")}`))
  })

/** Runs a program in a state folder of its own and asserts that nothing is left when it is over. */
export const inLocal = <A, E>(
  program: (dir: string) => Effect.Effect<A, E, DevboxService | DevboxBackend.DevboxBackend | Scope.Scope>,
  options: LocalBackend.Options = {}
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const dir = yield* stateDir
      const value = yield* Effect.scoped(program(dir)).pipe(Effect.provide(local(dir, options)))
      yield* nothingLeft(dir)
      return value
    })
  )
