/** A devbox that outlives this process: its holder is a process of its own, and this one joins it as anybody can. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Mount } from "@effect-devbox/core/DevboxModel"
import * as Schema from "effect/Schema"
import { SandboxStartError } from "../sandbox/errors.ts"
import type { BoxSpec } from "../sandbox/types.ts"
import type { Setup } from "./setup.ts"
import { connect, type Engine, type Live, rowOf } from "./engine.ts"

/** What a holder is told, as JSON on its stdin. */
export interface HolderOrder {
  readonly stateDir: string
  /** Who has the devbox until the holder takes it. */
  readonly from: string
  readonly spec: BoxSpec
  /** The keep-alive time of devboxes that do not say. */
  readonly keepAliveSeconds: number
  readonly again: boolean
  /** In the JSON form of mounts; they may hold tokens. */
  readonly mounts: unknown
}

const encodeMounts = Schema.encodeSync(Schema.Array(Mount))

/** The mounts of an order. */
export const decodeMounts = Schema.decodeUnknownSync(Schema.Array(Mount))

/** A program of this package. Sources run as `.ts`, the published package as `.js`. */
const programFile = (name: string): string =>
  fileURLToPath(new URL(`../../${name}${path.extname(fileURLToPath(import.meta.url))}`, import.meta.url))

/** Only what a process needs to run: this one's environment may hold secrets, and the holder lives on. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "LOGNAME"].flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    })
  )

/** What a program answers that serves from now on. */
export const ready = "ready"

/**
 * Starts a program that outlives this process with an order on its stdin, and gives the line that it answers. One that answers anything
 * but {@link ready} is gone when this returns.
 */
export const startProcess = async (name: string, order: unknown): Promise<string> => {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", programFile(name)], {
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
    env: environment(),
    cwd: "/"
  })
  const answer = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("exit", (code, signal) => resolve(`it ended with ${code ?? signal} before it was ready`))
    createInterface({ input: child.stdout }).once("line", resolve)
    child.stdin.on("error", () => {})
    child.stdin.end(JSON.stringify(order))
  })
  if (answer !== ready && child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const exited = once(child, "exit")
    child.kill("SIGKILL")
    await exited
  }
  child.removeAllListeners()
  child.stdout.destroy()
  child.unref()
  return answer
}

/** Starts the holder, waits until its box is ready, and joins it. */
export const startDetached = async (engine: Engine, spec: BoxSpec, setup: Setup): Promise<Live> => {
  const order: HolderOrder = {
    stateDir: engine.dir.root,
    from: engine.ownerId,
    spec,
    keepAliveSeconds: engine.keepAliveSeconds,
    again: setup.again,
    mounts: encodeMounts(setup.mounts ?? [])
  }
  const answer = await startProcess("holderMain", order)
  if (answer !== ready) throw new SandboxStartError(spec.id, answer, "")
  const live = await connect(engine, rowOf(engine, spec.id))
  if (live === undefined) throw new SandboxStartError(spec.id, "its holder cannot be reached", "")
  return live
}
