// Where things are: the files of a box on the host and the places they have inside.
import * as fs from "node:fs"
import * as path from "node:path"
import { createHash, randomUUID } from "node:crypto"
import { agentScript, initScript, killScript, shellScript, slotScript } from "./agentScripts.ts"
import { exportLines, limitLines } from "./quote.ts"
import type { BoxSpec } from "./types.ts"

/** The request directory as the box sees it. */
export const insideQ = "/run/devbox/q"
/** The agent's files as the box sees them. */
export const insideLib = "/run/devbox/lib"

/** FIFOs that the launcher makes on its way, so that the first executions find them. */
export const firstFifos: ReadonlyArray<string> = Array.from({ length: 5 }, (_, index) => `l.${index}`)

export const boxDirs = (dir: string) => ({
  /** What the box wrote: the overlay's upper layer. */
  upper: path.join(dir, "upper"),
  work: path.join(dir, "work"),
  /** Requests: scripts and FIFOs, read-only inside. */
  requests: path.join(dir, "q"),
  /** Journals, invisible inside. */
  output: path.join(dir, "o"),
  /** Process tier: the private home. */
  home: path.join(dir, "home"),
  /** Process tier: one empty file per process group. */
  groups: path.join(dir, "g")
})

/** Who runs in an isolated box. */
export const userOf = (spec: BoxSpec) => spec.user ?? { uid: 1000, username: "user", home: "/home/user" }

/** Where a box writes. */
export const upperDir = (spec: BoxSpec): string =>
  spec.upper === undefined ? boxDirs(spec.dir).upper : path.join(spec.layersDir, spec.upper)

const environment = (spec: BoxSpec, home: string): Record<string, string> => {
  if (spec.report.launcher === "process") {
    const nodeDir = path.dirname(process.execPath)
    return {
      PATH: `${nodeDir}:${process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"}`,
      HOME: home,
      USER: process.env["USER"] ?? "user",
      LOGNAME: process.env["LOGNAME"] ?? "user",
      SHELL: "/bin/bash",
      TERM: "xterm-256color",
      LANG: process.env["LANG"] ?? "C.UTF-8",
      ...spec.env
    }
  }
  const user = userOf(spec)
  return {
    PATH: `${user.home}/.local/bin:/opt/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: user.home,
    USER: user.username,
    LOGNAME: user.username,
    SHELL: "/bin/bash",
    TERM: "xterm-256color",
    LANG: "C.UTF-8",
    ...spec.env
  }
}

const make = (dir: string, mode: number, owner?: { readonly uid: number; readonly gid: number }): boolean => {
  try {
    fs.mkdirSync(dir, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
  if (owner !== undefined) fs.chownSync(dir, owner.uid, owner.gid)
  return true
}

const withMask = <A>(body: () => A): A => {
  const mask = process.umask(0o022)
  try {
    return body()
  } finally {
    process.umask(mask)
  }
}

/** Makes an empty layer that the box's user can write. Says whether it was not there. */
export const makeLayer = (dir: string, { drops, gid, uid }: BoxSpec["report"]): boolean =>
  withMask(() => make(dir, 0o755, drops ? { uid, gid } : undefined))

/** Makes a box's own directory. A root owner keeps it; the box's user may only pass through. */
export const makeBoxDir = ({ dir, report: { drops, gid } }: BoxSpec): void =>
  withMask(() => {
    const owner = drops ? { uid: 0, gid } : undefined
    try {
      make(dir, drops ? 0o710 : 0o700, owner)
    } catch {
      fs.mkdirSync(path.dirname(dir), { recursive: true, mode: 0o755 })
      make(dir, drops ? 0o710 : 0o700, owner)
    }
  })

/** Makes what is missing. Safe to repeat: a resumed box keeps its writes, requests start empty. */
export const prepareBoxDir = (spec: BoxSpec): void => {
  const dirs = boxDirs(spec.dir)
  const { uid, gid, drops, launcher } = spec.report
  const user = drops ? { uid, gid } : undefined
  makeBoxDir(spec)
  withMask(() => {
    if (!make(dirs.requests, 0o755, user)) {
      fs.rmSync(dirs.requests, { recursive: true })
      make(dirs.requests, 0o755, user)
    }
    make(dirs.output, 0o700)
    if (launcher === "process") {
      make(dirs.home, 0o700)
      fs.rmSync(dirs.groups, { recursive: true, force: true })
      make(dirs.groups, 0o700)
    } else {
      make(upperDir(spec), 0o755, user)
      make(dirs.work, 0o755, user)
    }
    // The number of processes is bounded by whoever starts the agent.
    const limits = limitLines({ ...spec.limits, processes: undefined })
    fs.writeFileSync(`${dirs.requests}/env.sh`, exportLines(environment(spec, dirs.home)) + limits, { mode: 0o644 })
  })
}

const scripts = {
  "agent.sh": agentScript,
  "slot.sh": slotScript,
  "shell.sh": shellScript,
  "kill.sh": killScript,
  "init.sh": initScript,
  /** Where user-mode networks answer for names. */
  "resolv.conf": "nameserver 10.0.2.3\n"
}

/** Writes the agent's files once for all boxes and returns their directory. */
export const ensureScripts = (stateDir: string): string => {
  const hash = createHash("sha256").update(JSON.stringify(scripts)).digest("hex").slice(0, 16)
  const dir = path.join(stateDir, "tools", `agent-${hash}`)
  if (fs.existsSync(dir)) return dir
  const building = `${dir}.${randomUUID()}`
  fs.mkdirSync(building, { recursive: true, mode: 0o755 })
  for (const [name, text] of Object.entries(scripts)) {
    fs.writeFileSync(path.join(building, name), text)
    fs.chmodSync(path.join(building, name), 0o644)
  }
  for (const name of [path.dirname(dir), building]) fs.chmodSync(name, 0o755)
  try {
    fs.renameSync(building, dir)
  } catch (error) {
    fs.rmSync(building, { recursive: true, force: true })
    if (!fs.existsSync(dir)) throw error
  }
  return dir
}
