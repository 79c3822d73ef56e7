/**
 * Where the attempts are made: a state directory of its own, a host to plant things on, a neighbour, and new devboxes
 * through the SDK as every user gets them. It judges nothing; closing it leaves nothing.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { type CreateOptions, Devbox, DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Exit, Layer, ManagedRuntime, Scope, Stream } from "effect"
import { findLeaks } from "../tools/findLeaks.ts"
import * as Proc from "../tools/proc.ts"
import { newSecret, type Scene } from "./attempt.ts"
import type { Run } from "./tryOut.ts"

/** A program of the SDK that may own things until its end. */
export type Program<A> = Effect.Effect<A, unknown, DevboxService | Scope.Scope>

/** A place to make attempts in. */
export interface Stage {
  readonly scene: Scene
  /** How devboxes are isolated here, such as `isolated/bubblewrap`, as they themselves show it. */
  readonly tier: string
  /** Runs a program in a new devbox. */
  readonly inside: Run
  /** Runs a program of the SDK; what it owns ends with it. */
  readonly run: <A>(program: Program<A>) => Promise<A>
  /** Ends everything; fails when something is left. */
  readonly close: () => Promise<void>
}

/** How the devboxes are to be. The default is what a user gets who says nothing. */
export interface StageOptions {
  readonly create?: CreateOptions
  readonly backend?: Parameters<typeof LocalBackend.layer>[0]
  /** One devbox for all programs instead of a new one for each. */
  readonly reuse?: boolean
}

/** How long a program may take inside; none of them waits for anything. */
const timeout = "60 seconds"

/** The neighbour: its secret is in its home and in its output, and one of its processes carries the mark. */
const makeNeighbour = (create: CreateOptions | undefined, secret: string, mark: string) =>
  Effect.gen(function* () {
    const devbox = yield* Devbox.create({ ...create, name: "neighbour" })
    yield* devbox.cmd.execOrFail(`echo ${secret} | tee ~/neighbour.txt`)
    const waiting = yield* devbox.cmd.execAsync(["bash", "-c", "echo waiting; while :; do sleep 3600; done", mark])
    yield* Stream.runHead(waiting.stdout)
    return devbox
  })

/** What stands at process 1 is what built the devbox. */
const tierOf = (create: CreateOptions | undefined) =>
  Effect.gen(function* () {
    const devbox = yield* Devbox.create(create)
    const { isolation } = yield* devbox.getInfo
    const { stdout } = yield* devbox.cmd.exec("cat /proc/1/comm")
    if (isolation !== "isolated") return String(isolation)
    return `isolated/${stdout.trim() === "bwrap" ? "bubblewrap" : "util-linux"}`
  })

/** Prepares everything. */
export const openStage = async (options: StageOptions = {}): Promise<Stage> => {
  const directory = mkdtempSync("/tmp/devbox-escape-")
  chmodSync(directory, 0o755)
  const home = mkdtempSync(join(homedir(), ".devbox-escape-"))
  const stateDir = join(directory, "state")
  const runtime = ManagedRuntime.make(
    DevboxService.layer.pipe(Layer.provide(LocalBackend.layer({ stateDir, ...options.backend })))
  )
  const scope = await Effect.runPromise(Scope.make())
  const close = async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await runtime.dispose()
    rmSync(directory, { recursive: true, force: true })
    rmSync(home, { recursive: true, force: true })
    const left = findLeaks({ stateDir: directory })
    if (left.length > 0) {
      throw new Error(`left behind: ${left.map(({ kind, what, why }) => `${kind} ${what} (${why})`).join("; ")}`)
    }
  }
  const run = <A>(program: Program<A>): Promise<A> => runtime.runPromise(Effect.scoped(program))
  try {
    const secret = newSecret()
    const mark = newSecret()
    const neighbour = await runtime.runPromise(Scope.provide(makeNeighbour(options.create, secret, mark), scope))
    const shared =
      options.reuse === true ? await runtime.runPromise(Scope.provide(Devbox.create(options.create), scope)) : undefined
    const pid = Proc.pids().find((each) => Proc.file(each, "cmdline").split("\0").includes(mark))
    if (pid === undefined) throw new Error("the process of the neighbour does not show on the host")
    return {
      scene: {
        isRoot: process.getuid?.() === 0,
        directory,
        home,
        stateDir,
        neighbour: {
          id: neighbour.id,
          secret,
          pid,
          has: async (name) => (await run(neighbour.cmd.exec(["test", "-e", name]))).exitCode === 0
        }
      },
      tier: await run(tierOf(options.create)),
      inside: (program, env) =>
        run(
          Effect.gen(function* () {
            const devbox = shared ?? (yield* Devbox.create(options.create))
            return yield* devbox.cmd.exec(program, { env, timeout })
          })
        ),
      run,
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}
