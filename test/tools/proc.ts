/**
 * Reading `/proc`, tolerant of processes that end while they are looked at. It gathers and judges nothing.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"

/** What `read` gives for something that is gone or not ours to read. */
export const orEmpty = <A>(read: () => A, empty: A): A => {
  try {
    return read()
  } catch {
    return empty
  }
}

/** The ids of all processes. */
export const pids = (): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** A file of a process, `""` when there is none any more. */
export const file = (pid: number, name: string): string =>
  orEmpty(() => readFileSync(`/proc/${pid}/${name}`, "utf8"), "")

/** Where a link of a process points to, `""` when there is none any more. */
export const link = (pid: number, name: string): string => orEmpty(() => readlinkSync(`/proc/${pid}/${name}`), "")

/** Where the open files of a process point to. */
export const openFiles = (pid: number): ReadonlyArray<string> =>
  orEmpty(() => readdirSync(`/proc/${pid}/fd`), []).map((fd) => link(pid, `fd/${fd}`))

/** The fields of `stat` after the command name, which may itself hold spaces and parentheses; state comes first. */
const stat = (pid: number): ReadonlyArray<string> => {
  const text = file(pid, "stat")
  return text.slice(text.lastIndexOf(")") + 2).split(" ")
}

/** Whether a process has ended and only waits to be reaped. */
export const isZombie = (pid: number): boolean => stat(pid)[0] === "Z"

/** When a process started, in milliseconds since 1970. */
export const startedAt = (pid: number): number => {
  // What `/proc/stat` says of the boot is cut to seconds.
  const uptime = Number.parseFloat(orEmpty(() => readFileSync("/proc/uptime", "utf8"), ""))
  const ticksPerSecond = 100
  return Date.now() - (uptime - Number(stat(pid)[19]) / ticksPerSecond) * 1000
}

/** A process and everything above it. */
export const withAncestors = (pid: number): ReadonlySet<number> => {
  const found = new Set<number>()
  for (let at = pid; at > 0 && !found.has(at); at = Number(stat(at)[1] ?? 0)) found.add(at)
  return found
}

/** One representative of each namespace of a kind. */
export const oncePerNamespace = (kind: "mnt" | "net"): ReadonlyArray<number> => {
  const seen = new Map<string, number>()
  for (const pid of pids()) {
    const namespace = link(pid, `ns/${kind}`)
    if (namespace !== "" && !seen.has(namespace)) seen.set(namespace, pid)
  }
  return [...seen.values()]
}
