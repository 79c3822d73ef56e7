// A state directory of its own for each suite, and short ways to start boxes and run commands in them.
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { randomUUID } from "node:crypto"
import { ensureBase } from "../../../packages/node/src/internal/sandbox/base.ts"
import { startBox } from "../../../packages/node/src/internal/sandbox/box.ts"
import { probeHost } from "../../../packages/node/src/internal/sandbox/probe.ts"
import { findTool } from "../../../packages/node/src/internal/sandbox/tools.ts"
import type {
  Base,
  Box,
  BoxExecution,
  BoxSpec,
  ExecDone,
  ExecRequest,
  HostReport,
  Launcher
} from "../../../packages/node/src/internal/sandbox/types.ts"
import type { Channel } from "../../../packages/node/src/internal/journal/types.ts"

export const launchers: ReadonlyArray<Launcher> = ["bubblewrap", "util-linux", "process"]
export const isolated: ReadonlyArray<Launcher> = ["bubblewrap", "util-linux"]

/** Why a launcher can not be tried on this machine; undefined when it can. */
export const unavailable = (launcher: Launcher): string | undefined =>
  launcher === "bubblewrap" && findTool("bwrap") === undefined
    ? "bubblewrap is not installed on this machine"
    : undefined

export interface Host {
  readonly state: string
  readonly report: HostReport
  readonly base: Base
  readonly spec: (options?: Partial<BoxSpec>) => BoxSpec
  readonly start: (options?: Partial<BoxSpec>) => Promise<Box>
  readonly close: () => Promise<void>
}

export const makeHost = async (launcher: Launcher): Promise<Host> => {
  const reason = unavailable(launcher)
  if (reason !== undefined) throw new Error(reason)
  const state = fs.mkdtempSync(path.join(process.env["DEVBOX_TEST_DIR"] ?? "/var/tmp", "devbox-sandbox-"))
  fs.chmodSync(state, 0o755)
  const report = await probeHost({
    stateDir: state,
    ...(launcher === "process" ? { tier: "process" as const } : {}),
    ...(launcher === "util-linux" ? { bubblewrap: false as const } : {})
  })
  if (report.launcher !== launcher)
    throw new Error(`wanted ${launcher}, the host gives ${JSON.stringify(report.probes)}`)
  const base = await ensureBase(state, report)
  fs.mkdirSync(path.join(state, "layers"))
  const boxes: Array<Box> = []
  const spec = (options: Partial<BoxSpec> = {}): BoxSpec => {
    const id = options.id ?? `b-${randomUUID().slice(0, 8)}`
    const dir = path.join(state, "boxes", id)
    return {
      id,
      dir,
      layersDir: path.join(state, "layers"),
      lower: [base.dir],
      report,
      base,
      network: "none",
      ...options
    }
  }
  return {
    state,
    report,
    base,
    spec,
    start: async (options) => {
      const box = await startBox(spec(options))
      boxes.push(box)
      return box
    },
    close: async () => {
      await Promise.all(boxes.map((box) => box.stop()))
      execFileSync("rm", ["-rf", state])
    }
  }
}

export const text = async (box: Box, id: string, channel: Channel): Promise<string> => {
  const parts: Array<Uint8Array> = []
  for await (const chunk of box.journal.read(id, channel)) parts.push(chunk.bytes)
  return Buffer.concat(parts).toString()
}

export interface Ran extends ExecDone {
  readonly stdout: string
  readonly stderr: string
}

export const launch = (box: Box, command: ExecRequest["command"], options: Partial<ExecRequest> = {}): BoxExecution =>
  box.exec({ id: randomUUID(), command, ...options })

export const run = async (
  box: Box,
  command: ExecRequest["command"],
  options: Partial<ExecRequest> = {}
): Promise<Ran> => {
  const execution = launch(box, command, options)
  const done = await execution.done
  return {
    ...done,
    stdout: await text(box, execution.id, "stdout"),
    stderr: await text(box, execution.id, "stderr")
  }
}

/** Resolves when the execution has printed this text. */
export const printed = async (box: Box, id: string, expected: string): Promise<void> => {
  let seen = ""
  for await (const chunk of box.journal.read(id, "stdout", { follow: true })) {
    seen += Buffer.from(chunk.bytes).toString()
    if (seen.includes(expected)) return
  }
  throw new Error(`${id} ended without printing ${expected}: ${seen}`)
}

/** Host pids of processes whose command line has this text. */
export const processesWith = (marker: string): ReadonlyArray<number> =>
  fs
    .readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        const state = /^State:\s+(\w)/m.exec(fs.readFileSync(`/proc/${name}/status`, "utf8"))?.[1]
        return state !== "Z" && fs.readFileSync(`/proc/${name}/cmdline`, "utf8").includes(marker)
      } catch {
        return false
      }
    })
    .map(Number)
