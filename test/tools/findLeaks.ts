/**
 * What is left on this machine of a state directory: processes, mounts in any namespace, loop devices, control groups,
 * sockets, and the directory itself. It only looks; it never removes anything.
 */
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { groupPrefix } from "../../packages/node/src/internal/sandbox/groups.ts"
import * as Proc from "./proc.ts"

/** One thing that is left. */
export interface Leak {
  readonly kind: "process" | "mount" | "loop device" | "control group" | "socket" | "directory"
  readonly what: string
  readonly why: string
}

/** What to look for. */
export interface LeakQuery {
  readonly stateDir: string
  /** Names at the top of the state directory that may stay, such as a cached base. */
  readonly allow?: ReadonlyArray<string> | undefined
  /** Also look for processes with a `DEVBOX_` variable and control groups named after devboxes, started since then. */
  readonly since?: number | undefined
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Whether a text names the directory or something in it, and not just a longer name that begins alike. */
const mentions = (directory: string): ((text: string) => boolean) => {
  const pattern = new RegExp(`(^|[^\\w/.-])${escaped(directory)}($|[^\\w.-])`)
  return (text) => pattern.test(text)
}

/** `\040` and its kin, by which the kernel writes blanks in paths. */
const unescapeMount = (text: string): string =>
  text.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

interface Mount {
  readonly device: string
  readonly root: string
  readonly point: string
  readonly rest: string
}

const mountsOf = (pid: number): ReadonlyArray<Mount> =>
  Proc.file(pid, "mountinfo")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, , device = "", root = "", point = "", ...rest] = line.split(" ").map(unescapeMount)
      return { device, root, point, rest: rest.join(" ") }
    })

/** How a directory is called inside its own file system: that is how bind mounts of it show elsewhere. */
const insideItsFileSystem = (directory: string): { readonly device: string; readonly path: string } => {
  const under = mountsOf(process.pid)
    .filter(({ point }) => point === "/" || directory === point || directory.startsWith(`${point}/`))
    .sort((a, b) => b.point.length - a.point.length)[0]
  if (under === undefined) return { device: "", path: directory }
  const below = under.point === "/" ? directory : directory.slice(under.point.length)
  return { device: under.device, path: `${under.root === "/" ? "" : under.root}${below}` }
}

const processLeaks = (query: LeakQuery, named: (text: string) => boolean): ReadonlyArray<Leak> => {
  const own = Proc.withAncestors(process.pid)
  return Proc.pids().flatMap((pid) => {
    if (own.has(pid) || Proc.isZombie(pid)) return []
    const command = Proc.file(pid, "cmdline").replaceAll("\0", " ").trim()
    const environment = Proc.file(pid, "environ").split("\0")
    const reasons = [
      ...["cwd", "root", "exe"].filter((name) => named(Proc.link(pid, name))),
      ...(named(command) ? ["command line"] : []),
      ...(environment.some(named) ? ["environment"] : []),
      ...(Proc.openFiles(pid).some(named) ? ["open file"] : []),
      ...(query.since !== undefined &&
      environment.some((variable) => variable.startsWith("DEVBOX_")) &&
      Proc.startedAt(pid) >= query.since
        ? ["DEVBOX_ variable"]
        : [])
    ]
    return reasons.length === 0
      ? []
      : [{ kind: "process" as const, what: `${pid} ${command.slice(0, 160)}`, why: reasons.join(", ") }]
  })
}

const mountLeaks = (directory: string, named: (text: string) => boolean): ReadonlyArray<Leak> => {
  const inside = insideItsFileSystem(directory)
  const namedInside = mentions(inside.path)
  return Proc.oncePerNamespace("mnt").flatMap((pid) =>
    mountsOf(pid)
      .filter(
        ({ device, root, point, rest }) =>
          named(point) || named(rest) || (device === inside.device && namedInside(root))
      )
      .map(({ root, point }) => ({
        kind: "mount" as const,
        what: point,
        why: `in the mount namespace of process ${pid}, of ${root}`
      }))
  )
}

const loopLeaks = (named: (text: string) => boolean): ReadonlyArray<Leak> =>
  Proc.orEmpty(() => readdirSync("/sys/block"), [])
    .map((name) => ({ name, backing: `/sys/block/${name}/loop/backing_file` }))
    .filter(({ backing }) => named(Proc.orEmpty(() => readFileSync(backing, "utf8"), "").trim()))
    .map(({ name }) => ({
      kind: "loop device" as const,
      what: `/dev/${name}`,
      why: "its file is in the state directory"
    }))

const groupsBelow = (path: string, depth: number): ReadonlyArray<string> => {
  if (depth === 0) return []
  // Groups come and go meanwhile.
  const below = Proc.orEmpty(() => readdirSync(path, { withFileTypes: true }), [])
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(path, entry.name))
  return below.flatMap((group) => [group, ...groupsBelow(group, depth - 1)])
}

const groupLeaks = (directory: string, since: number | undefined): ReadonlyArray<Leak> => {
  const base = "/sys/fs/cgroup"
  const ours = groupPrefix(directory)
  const isNew = (path: string) => since !== undefined && Proc.orEmpty(() => statSync(path).ctimeMs, -1) >= since
  return groupsBelow(base, 8).flatMap((path) => {
    const leak = (why: string): ReadonlyArray<Leak> => [{ kind: "control group", what: path, why }]
    if (basename(path).startsWith(ours)) return leak("named after a devbox of the state directory")
    return /devbox/i.test(path.slice(base.length)) && isNew(path) ? leak("named after devboxes") : []
  })
}

const socketLeaks = (named: (text: string) => boolean): ReadonlyArray<Leak> =>
  Proc.oncePerNamespace("net").flatMap((pid) =>
    Proc.file(pid, "net/unix")
      .split("\n")
      .map((line) => line.split(" ").at(-1) ?? "")
      .filter((path) => path !== "" && named(path))
      .map((path) => ({
        kind: "socket" as const,
        what: path,
        why: `bound, in the network namespace of process ${pid}`
      }))
  )

const directoryLeaks = (directory: string, allow: ReadonlyArray<string>): ReadonlyArray<Leak> => {
  const entries = Proc.orEmpty(() => readdirSync(directory), undefined)
  if (entries === undefined) return []
  const left = entries.filter((entry) => !allow.includes(entry))
  if (entries.length > 0 && left.length === 0) return []
  const shown = left.slice(0, 10).map((entry) => {
    const path = join(directory, entry)
    return {
      // A database that is closed meanwhile takes its side files along.
      kind: Proc.orEmpty(() => lstatSync(path).isSocket(), false) ? ("socket" as const) : ("directory" as const),
      what: path,
      why: "still there"
    }
  })
  return [{ kind: "directory", what: directory, why: `still there, with ${left.length} entries` }, ...shown]
}

/** Everything that is left; empty when all is clean. Run as root it sees the processes of every user. */
export const findLeaks = (query: LeakQuery): ReadonlyArray<Leak> => {
  const directory = resolve(query.stateDir)
  const named = mentions(directory)
  return [
    ...processLeaks(query, named),
    ...mountLeaks(directory, named),
    ...loopLeaks(named),
    ...groupLeaks(directory, query.since),
    ...socketLeaks(named),
    ...directoryLeaks(directory, query.allow ?? [])
  ]
}
