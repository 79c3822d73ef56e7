// From a box's description to the command that builds it. One security model: whoever the caller is, the box runs as
// an unprivileged kernel user in namespaces of its own; a root caller becomes that user first, so that kernel uid 0
// does not exist inside. The overlay is mounted in a namespace that dies with the box: nothing has to be unmounted.
import * as path from "node:path"
import { withoutInheritance } from "./inheritance.ts"
import { bubblewrapCommand } from "./launchBubblewrap.ts"
import { utilLinuxCommand } from "./launchUtilLinux.ts"
import { boxDirs, firstFifos, insideLib, insideQ, upperDir } from "./layout.ts"
import { dropped } from "./tools.ts"
import type { BoxSpec } from "./types.ts"

export interface LaunchCommand {
  readonly argv: ReadonlyArray<string>
  readonly cwd: string
  readonly env: Record<string, string>
  /** Set when a root caller becomes the box's user; this also clears the supplementary groups. */
  readonly uid?: number
  readonly gid?: number
}

const DEFAULT_PROCESSES = 4096

/** Overlay options with names relative to the layers directory: the kernel's limit on them is one page. */
const overlayOptions = (spec: BoxSpec): string => {
  const dirs = boxDirs(spec.dir)
  const relative = (file: string): string => {
    const name = path.isAbsolute(file) ? path.relative(spec.layersDir, file) : file
    // The overlay's options have no quoting that every kernel and mount(8) agree on.
    if (/[:,\\\s]/.test(name)) throw new Error(`a layer's path must not contain ":", ",", "\\" or spaces: ${file}`)
    if (path.resolve(spec.layersDir, name) === "/") throw new Error("the host's root can not be a layer")
    return name
  }
  const lower = spec.lower.map(relative).join(":")
  return `lowerdir=${lower},upperdir=${relative(upperDir(spec))},workdir=${relative(dirs.work)},userxattr`
}

/** Arguments of agent.sh: its directories, and where to find setsid, bash and a good env. */
const agentArguments = (spec: BoxSpec, q: string, lib: string, groups: string, mark: string): ReadonlyArray<string> => {
  const { tools, probes } = spec.report
  const signals = probes.some((probe) => probe.name === "env-signals" && probe.ok)
  return [q, lib, groups, tools["setsid"] ?? "", tools["bash"] ?? "", signals ? (tools["env"] ?? "") : "", mark]
}

/**
 * `mark`: what every process of a box in the process tier carries; isolated boxes have a pid namespace instead. `again`: the
 * box was here before, and its FIFOs with it.
 */
export const launchCommand = (spec: BoxSpec, mark: string, again = false): LaunchCommand => {
  const dirs = boxDirs(spec.dir)
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C" }
  if (spec.report.launcher === "process") {
    const args = agentArguments(spec, dirs.requests, spec.base.scripts, dirs.groups, mark)
    return { argv: [spec.report.tools["sh"] ?? "sh", `${spec.base.scripts}/agent.sh`, ...args], cwd: dirs.home, env }
  }
  const plan = {
    spec,
    dirs,
    overlay: overlayOptions(spec),
    makeFifos: again ? "true" : `mkfifo -m 666 ${firstFifos.join(" ")}`,
    processes: spec.limits?.processes ?? DEFAULT_PROCESSES,
    hostname: spec.hostname ?? "devbox",
    agent: agentArguments(spec, insideQ, insideLib, "", "")
  }
  const argv = spec.report.launcher === "bubblewrap" ? bubblewrapCommand(plan) : utilLinuxCommand(plan)
  return {
    argv: withoutInheritance(spec.id, spec.report.tools, argv),
    cwd: spec.layersDir,
    env,
    ...dropped(spec.report)
  }
}

/** What both launchers build from. */
export interface LaunchPlan {
  readonly spec: BoxSpec
  readonly dirs: ReturnType<typeof boxDirs>
  readonly overlay: string
  /** The command that makes the first FIFOs. */
  readonly makeFifos: string
  readonly processes: number
  readonly hostname: string
  readonly agent: ReadonlyArray<string>
}
