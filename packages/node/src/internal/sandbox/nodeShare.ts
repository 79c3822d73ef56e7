// Makes the running Node usable inside boxes. Where it lies is bound read-only when the box's user can get there;
// a Node below somebody's private home is copied once into the state directory.
import * as fs from "node:fs"
import * as path from "node:path"
import { createHash, randomUUID } from "node:crypto"
import type { Base, HostReport } from "./types.ts"

/** Whether a user can walk to a path and read it. */
const reachable = (file: string, uid: number, gid: number): boolean => {
  const allows = (name: string, bits: number): boolean => {
    const stat = fs.statSync(name, { throwIfNoEntry: false })
    if (stat === undefined) return false
    const shift = stat.uid === uid ? 6 : stat.gid === gid ? 3 : 0
    return ((stat.mode >> shift) & bits) === bits
  }
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    if (!allows(dir, 1)) return false
    if (dir === path.dirname(dir)) return allows(file, 5)
  }
}

const copyOnce = (stateDir: string, source: string): string => {
  const stat = fs.statSync(source)
  const key = createHash("sha256").update(`${source} ${stat.size} ${stat.mtimeMs}`).digest("hex").slice(0, 16)
  const target = path.join(stateDir, "tools", key)
  if (!fs.existsSync(target)) {
    fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 })
    const building = path.join(path.dirname(target), `.building-${randomUUID()}`)
    fs.copyFileSync(source, building, fs.constants.COPYFILE_FICLONE)
    fs.chmodSync(building, 0o755)
    fs.renameSync(building, target)
  }
  return target
}

/** What to bind at /opt/node. The prefix comes along when npm lies in it; otherwise the system's npm does. */
export const shareNode = (stateDir: string, report: HostReport): Base["node"] => {
  const file = fs.realpathSync(process.execPath)
  // Already visible, and found first on PATH anyway.
  if (file.startsWith("/usr/bin/")) return undefined
  const prefix = path.dirname(path.dirname(file))
  const npm = path.join(prefix, "lib/node_modules/npm/bin/npm-cli.js")
  if (path.basename(file) === "node" && fs.existsSync(npm) && reachable(prefix, report.uid, report.gid)) {
    return { path: prefix, kind: "prefix" }
  }
  if (reachable(file, report.uid, report.gid)) return { path: file, kind: "file" }
  return { path: copyOnce(stateDir, file), kind: "file" }
}
