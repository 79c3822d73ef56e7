// Finds programs on this host by looking, without running anything.
import * as fs from "node:fs"
import * as path from "node:path"

/** Programs that some part of the sandbox runs; the names are the keys of `HostReport.tools`. */
export const toolNames = [
  "bash",
  "bwrap",
  "env",
  "ifconfig",
  "ip",
  "mkfifo",
  "mount",
  "nsenter",
  "pasta",
  "perl",
  "pivot_root",
  "rm",
  "script",
  "setpriv",
  "setsid",
  "sh",
  "slirp4netns",
  "umount",
  "unshare"
] as const

/** Absolute path of a program on PATH or in the system's own directories. */
export const findTool = (name: string): string | undefined => {
  // The system's directories come first: what builds a sandbox should not come from a project's node_modules.
  const dirs = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", ...(process.env["PATH"] ?? "").split(":")]
  for (const dir of dirs) {
    if (!dir.startsWith("/")) continue
    const file = path.join(dir, name)
    try {
      fs.accessSync(file, fs.constants.X_OK)
      if (fs.statSync(file).isFile()) return file
    } catch {
      continue
    }
  }
  return undefined
}

export const findTools = (): Record<string, string | undefined> =>
  Object.fromEntries(toolNames.map((name) => [name, findTool(name)]))

/** Spawn options that turn a root process into the box's user; libuv clears the supplementary groups with them. */
export const dropped = (report: {
  readonly drops: boolean
  readonly uid: number
  readonly gid: number
}): {
  readonly uid?: number
  readonly gid?: number
} => (report.drops ? { uid: report.uid, gid: report.gid } : {})
