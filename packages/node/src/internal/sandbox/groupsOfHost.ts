// Where on this host control groups can be made: found by reading what is mounted and where this process is, and proven
// by making one, setting its limits and removing it. Both versions, as root or in a subtree that was handed to the user.
import * as fs from "node:fs"
import * as path from "node:path"
import { randomUUID } from "node:crypto"
import { type Controller, type GroupParent, type GroupParents, limitFiles } from "./groups.ts"

const controllers: ReadonlyArray<Controller> = ["memory", "cpu", "pids"]

/** `\040` and its kin, by which the kernel writes blanks in paths. */
const plain = (text: string): string =>
  text.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

interface Hierarchy {
  readonly version: 1 | 2
  readonly controllers: ReadonlyArray<string>
  readonly point: string
  /** This process's own group in it. */
  readonly own: string
}

/** The hierarchies that are mounted, from the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`. */
export const hierarchies = (mounts: string, groups: string): ReadonlyArray<Hierarchy> => {
  const ours = groups
    .split("\n")
    .map((line) => /^(\d+):([^:]*):(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, number, names, own]) => ({ number, names: names === "" ? [] : names!.split(","), own: own! }))
  return mounts.split("\n").flatMap((line): ReadonlyArray<Hierarchy> => {
    const [before = "", after = ""] = line.split(" - ")
    const [, , , root = "/", point = ""] = before.split(" ").map(plain)
    const [type, , options = ""] = after.split(" ")
    if (type !== "cgroup" && type !== "cgroup2") return []
    const mine =
      type === "cgroup2"
        ? ours.find(({ number }) => number === "0")
        : ours.find(({ names }) => names.length > 0 && names.every((name) => options.split(",").includes(name)))
    if (mine === undefined) return []
    // A container sees a part of the hierarchy; what is mounted may begin below our own group's name, or be it.
    const below = path.posix.relative(root, mine.own)
    const own = below.startsWith("..") ? point : path.posix.join(point, below)
    return [{ version: type === "cgroup2" ? 2 : 1, controllers: mine.names, point, own }]
  })
}

/** Makes a group, sets a limit in it, reads it back and removes it. */
const works = (parent: GroupParent): boolean => {
  const dir = path.join(parent.dir, `effect-devbox-probe-${randomUUID()}`)
  try {
    // Processes of version 2 are moved by who may write to where both groups meet, which is this one.
    fs.accessSync(path.join(parent.dir, "cgroup.procs"), fs.constants.W_OK)
    fs.mkdirSync(dir)
    try {
      for (const { file, optional, value } of limitFiles(parent, { memoryBytes: 1 << 30, cores: 1, processes: 4096 })) {
        if (optional) continue
        fs.writeFileSync(path.join(dir, file), value)
        if (fs.readFileSync(path.join(dir, file), "utf8").trim() !== value) return false
      }
      return true
    } finally {
      fs.rmdirSync(dir)
    }
  } catch {
    return false
  }
}

/** Where groups of a controller may be made: below this process's own group, or in version 2 beside it. */
const candidates = (hierarchy: Hierarchy): ReadonlyArray<string> => {
  if (hierarchy.version === 1) return [hierarchy.own]
  const dirs = [hierarchy.own]
  while (dirs.at(-1)!.length > hierarchy.point.length) dirs.push(path.dirname(dirs.at(-1)!))
  return dirs
}

/** In version 2 a group hands its controllers on only when asked to, and only when it has no processes or is the root. */
const handOn = (dir: string, controller: Controller): void => {
  try {
    fs.writeFileSync(path.join(dir, "cgroup.subtree_control"), `+${controller}`)
  } catch {
    // The next candidate may do it already.
  }
}

const parentFor = (controller: Controller, all: ReadonlyArray<Hierarchy>): GroupParent | undefined => {
  for (const hierarchy of all) {
    if (hierarchy.version === 1 && !hierarchy.controllers.includes(controller)) continue
    if (hierarchy.version === 2) {
      const here = path.join(hierarchy.own, "cgroup.controllers")
      if (!fs.existsSync(here) || !fs.readFileSync(here, "utf8").trim().split(" ").includes(controller)) continue
      if (hierarchy.own === hierarchy.point) handOn(hierarchy.own, controller)
    }
    for (const dir of candidates(hierarchy)) {
      const parent = { controller, version: hierarchy.version, dir }
      if (works(parent)) return parent
    }
  }
  return undefined
}

/** The places, for each controller that this process may use. */
export const findGroupParents = (): GroupParents => {
  if (process.platform !== "linux") return {}
  try {
    const all = hierarchies(
      fs.readFileSync("/proc/self/mountinfo", "utf8"),
      fs.readFileSync("/proc/self/cgroup", "utf8")
    )
    const found = controllers.map((controller) => [controller, parentFor(controller, all)] as const)
    return Object.fromEntries(found.filter(([, parent]) => parent !== undefined))
  } catch {
    return {}
  }
}
