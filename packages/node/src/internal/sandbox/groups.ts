// Control groups around a whole box: what its processes may use together, and whether the kernel had to end one of them
// for lack of memory. Groups are made before the box and go with it; their names are on record in its directory, so that
// whoever finds the directory after a crash can remove them, too.
import * as fs from "node:fs"
import * as path from "node:path"
import { createHash } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"

export type Controller = "memory" | "cpu" | "pids"

/** A group below which groups with this controller can be made. */
export interface GroupParent {
  readonly controller: Controller
  readonly version: 1 | 2
  readonly dir: string
}

export type GroupParents = { readonly [C in Controller]?: GroupParent }

/** What a box may use. */
export interface GroupLimits {
  readonly memoryBytes?: number | undefined
  readonly cores?: number | undefined
  readonly processes?: number | undefined
}

interface Setting {
  readonly file: string
  readonly value: string
  /** Not every kernel has it. */
  readonly optional: boolean
}

/** The groups of one box. Plain data: a holder is told of them in JSON. */
export interface GroupPlan {
  readonly groups: ReadonlyArray<{ readonly dir: string; readonly settings: ReadonlyArray<Setting> }>
  /** Where the kernel counts the processes it ended for lack of memory. */
  readonly kills: { readonly file: string } | undefined
}

const PERIOD_US = 100_000
const page = 4096

/** The files of a controller that set a limit. */
export const limitFiles = ({ controller, version }: GroupParent, limits: GroupLimits): ReadonlyArray<Setting> => {
  const set = (file: string, value: number | string, optional = false): Setting => ({
    file,
    value: String(value),
    optional
  })
  if (controller === "memory" && limits.memoryBytes !== undefined) {
    const bytes = Math.ceil(limits.memoryBytes / page) * page
    // Without the second one the box would go on in swap.
    return version === 2
      ? [set("memory.max", bytes), set("memory.swap.max", 0, true)]
      : [set("memory.limit_in_bytes", bytes), set("memory.memsw.limit_in_bytes", bytes, true)]
  }
  if (controller === "pids" && limits.processes !== undefined) return [set("pids.max", limits.processes)]
  if (controller === "cpu" && limits.cores !== undefined) {
    const quota = Math.round(limits.cores * PERIOD_US)
    return version === 2
      ? [set("cpu.max", `${quota} ${PERIOD_US}`)]
      : [set("cpu.cfs_period_us", PERIOD_US), set("cpu.cfs_quota_us", quota)]
  }
  return []
}

/** What the groups of a state directory's boxes begin with. */
export const groupPrefix = (stateDir: string): string =>
  `effect-devbox-${createHash("sha256").update(path.resolve(stateDir)).digest("hex").slice(0, 12)}-`

/** The groups that keep a box within its limits; undefined when no limit is asked for that a group could keep. */
export const planGroups = (parents: GroupParents, name: string, limits: GroupLimits): GroupPlan | undefined => {
  const groups = new Map<string, Array<Setting>>()
  let kills: GroupPlan["kills"]
  for (const parent of Object.values(parents)) {
    const settings = limitFiles(parent, limits)
    if (settings.length === 0) continue
    const dir = path.join(parent.dir, name)
    groups.set(dir, [...(groups.get(dir) ?? []), ...settings])
    if (parent.controller !== "memory") continue
    kills = { file: path.join(dir, parent.version === 2 ? "memory.events" : "memory.oom_control") }
  }
  if (groups.size === 0) return undefined
  return { groups: Array.from(groups, ([dir, settings]) => ({ dir, settings })), kills }
}

const record = (boxDir: string): string => path.join(boxDir, "groups.json")

/** Makes the groups of a box, with their limits. Throws when one cannot be made. */
export const makeGroups = (boxDir: string, plan: GroupPlan): void => {
  // On record first: a crash in between leaves nothing that nobody knows of.
  fs.writeFileSync(record(boxDir), JSON.stringify(plan.groups.map(({ dir }) => dir)), { mode: 0o600 })
  for (const { dir, settings } of plan.groups) {
    // One that a crash left is empty, and is set anew.
    fs.mkdirSync(dir, { recursive: true })
    for (const { file, optional, value } of settings) {
      if (!optional || fs.existsSync(path.join(dir, file))) fs.writeFileSync(path.join(dir, file), value)
    }
  }
}

/** The command, held back until a line comes on its stdin: so that it can be put into its groups before it starts anything. */
export const gated = (sh: string, argv: ReadonlyArray<string>): ReadonlyArray<string> => [
  sh,
  "-c",
  'read -r go && exec "$@"',
  "sh",
  ...argv
]

/** Puts a process into the groups, with all it will start. */
export const enterGroups = (plan: GroupPlan, pid: number): void => {
  for (const { dir } of plan.groups) fs.writeFileSync(path.join(dir, "cgroup.procs"), String(pid))
}

/** How many processes of the box the kernel has ended for lack of memory so far. */
export const memoryKills = (plan: GroupPlan | undefined): number => {
  if (plan?.kills === undefined) return 0
  try {
    return Number(/^oom_kill (\d+)$/m.exec(fs.readFileSync(plan.kills.file, "utf8"))?.[1] ?? 0)
  } catch {
    return 0
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** Ends what a dead owner's box may have left in its group, where nothing else ever is. */
const killAll = (dir: string): void => {
  for (const pid of fs.readFileSync(path.join(dir, "cgroup.procs"), "utf8").split("\n").filter(Boolean)) {
    try {
      process.kill(Number(pid), "SIGKILL")
    } catch {
      // It ended by itself.
    }
  }
}

const LEAVE_MS = 2000

const removeGroup = async (dir: string): Promise<void> => {
  const until = performance.now() + LEAVE_MS
  for (;;) {
    try {
      return fs.rmdirSync(dir)
    } catch (error) {
      if (codeOf(error) === "ENOENT") return
      // The kernel needs a moment until the last process has left for good.
      if (codeOf(error) !== "EBUSY" || performance.now() > until) throw error
    }
    killAll(dir)
    await pause(2)
  }
}

/** Removes the groups on record in a box's directory. Of a box without any: does nothing. */
export const removeGroups = async (boxDir: string): Promise<void> => {
  let text: string
  try {
    text = fs.readFileSync(record(boxDir), "utf8")
  } catch {
    return
  }
  for (const dir of JSON.parse(text) as ReadonlyArray<string>) await removeGroup(dir)
  fs.rmSync(record(boxDir), { force: true })
}
