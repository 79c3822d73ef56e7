// The base root file system of every box: a small skeleton by allow-list, with a user called `user` and mount points
// for the system. What is not named here does not exist inside: no /root, no /home of the host, no keys, no sockets.
import * as fs from "node:fs"
import * as path from "node:path"
import { createHash, randomUUID } from "node:crypto"
import { ensureScripts } from "./layout.ts"
import { shareNode } from "./nodeShare.ts"
import type { Base, HostReport } from "./types.ts"

// Part of the fingerprint: raise it when the skeleton changes.
const VERSION = 1

const directories = [
  "dev",
  "dev/pts",
  "dev/shm",
  "etc",
  "home",
  "home/user",
  "media",
  "mnt",
  "opt",
  "opt/node",
  "opt/node/bin",
  "proc",
  "root",
  "run",
  "srv",
  "sys",
  "tmp",
  "usr",
  "var",
  "var/cache",
  "var/lib",
  "var/log",
  "var/tmp"
]
const systemLinks = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]
const devices = ["null", "zero", "full", "random", "urandom", "tty"]
const links: ReadonlyArray<readonly [string, string]> = [
  ["dev/fd", "/proc/self/fd"],
  ["dev/stdin", "/proc/self/fd/0"],
  ["dev/stdout", "/proc/self/fd/1"],
  ["dev/stderr", "/proc/self/fd/2"],
  ["dev/ptmx", "pts/ptmx"],
  ["etc/mtab", "/proc/self/mounts"],
  ["var/run", "/run"],
  ["var/lock", "/run/lock"]
]
// Configuration of the system's programs, not of this host or its people. Only what everybody may read is copied.
const etc = [
  "alternatives",
  "bash.bashrc",
  "ca-certificates",
  "ca-certificates.conf",
  "crypto-policies",
  "debian_version",
  "default/locale",
  "fonts",
  "gai.conf",
  "host.conf",
  "inputrc",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "locale.conf",
  "localtime",
  "login.defs",
  "lsb-release",
  "magic",
  "mime.types",
  "nsswitch.conf",
  "os-release",
  "perl",
  "pki",
  "profile",
  "protocols",
  "rpc",
  "services",
  "shells",
  "ssl",
  "terminfo",
  "timezone"
]
const written: ReadonlyArray<readonly [string, string]> = [
  [
    "etc/passwd",
    "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
  ],
  ["etc/group", "root:x:0:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n"],
  ["etc/hosts", "127.0.0.1 localhost devbox\n::1 localhost\n"],
  ["etc/hostname", "devbox\n"],
  ["etc/resolv.conf", ""],
  ["opt/node/bin/node", ""],
  ...devices.map((name) => [`dev/${name}`, ""] as const)
]

/** Copies what everybody may read; links as they are, special files and private directories not at all. */
const copyPublic = (from: string, to: string): void => {
  const stat = fs.lstatSync(from, { throwIfNoEntry: false })
  if (stat === undefined) return
  if (stat.isSymbolicLink()) {
    fs.mkdirSync(path.dirname(to), { recursive: true })
    fs.symlinkSync(fs.readlinkSync(from), to)
  } else if (stat.isDirectory() && (stat.mode & 0o005) === 0o005) {
    fs.mkdirSync(to, { recursive: true })
    for (const name of fs.readdirSync(from)) copyPublic(path.join(from, name), path.join(to, name))
  } else if (stat.isFile() && (stat.mode & 0o004) !== 0) {
    fs.mkdirSync(path.dirname(to), { recursive: true })
    fs.copyFileSync(from, to)
    fs.chmodSync(to, stat.mode & 0o755)
  }
}

// Not with a recursive readdir: that one follows links, here into /proc.
const chownAll = (file: string, uid: number, gid: number): void => {
  if (fs.lstatSync(file).isDirectory()) {
    for (const name of fs.readdirSync(file)) chownAll(path.join(file, name), uid, gid)
  }
  fs.lchownSync(file, uid, gid)
}

const build = (dir: string, report: HostReport): void => {
  fs.mkdirSync(dir, { mode: 0o755 })
  for (const name of directories) fs.mkdirSync(path.join(dir, name), { mode: 0o755 })
  for (const name of ["tmp", "var/tmp", "dev/shm"]) fs.chmodSync(path.join(dir, name), 0o1777)
  for (const name of systemLinks) {
    const stat = fs.lstatSync(`/${name}`, { throwIfNoEntry: false })
    if (stat?.isSymbolicLink() === true) fs.symlinkSync(fs.readlinkSync(`/${name}`), path.join(dir, name))
    else if (stat?.isDirectory() === true) fs.mkdirSync(path.join(dir, name))
  }
  for (const [name, target] of links) fs.symlinkSync(target, path.join(dir, name))
  for (const name of fs
    .readdirSync("/etc")
    .filter((entry) => /^(python3|java-)/.test(entry))
    .concat(etc)) {
    copyPublic(`/etc/${name}`, path.join(dir, "etc", name))
  }
  if (fs.existsSync("/etc/skel")) {
    for (const name of fs.readdirSync("/etc/skel")) copyPublic(`/etc/skel/${name}`, path.join(dir, "home/user", name))
  }
  for (const [name, text] of written) {
    fs.rmSync(path.join(dir, name), { force: true })
    fs.writeFileSync(path.join(dir, name), text, { mode: 0o644 })
  }
  // Files of any other owner could not be changed inside, not even copied up.
  if (report.drops) chownAll(dir, report.uid, report.gid)
}

/** Names the host's system: its release, and when its packages last changed. */
export const hostFingerprint = (): string => {
  const hash = createHash("sha256").update(`${VERSION}\n${process.arch}\n`)
  for (const file of ["/etc/os-release", "/usr/lib/os-release"]) {
    if (fs.existsSync(file)) hash.update(fs.readFileSync(file))
  }
  for (const file of ["/var/lib/dpkg/status", "/var/lib/rpm", "/lib/apk/db/installed", "/var/lib/pacman/local"]) {
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    if (stat !== undefined) hash.update(`${file} ${stat.mtimeMs}\n`)
  }
  return hash.digest("hex").slice(0, 16)
}

/** Makes the base when it is missing. Several processes may do so at once: whoever renames first wins. */
export const ensureBase = async (stateDir: string, report: HostReport): Promise<Base> => {
  const fingerprint = hostFingerprint()
  const dir = path.join(stateDir, "base", `${fingerprint}-${report.uid}`)
  const node = report.launcher === "process" ? undefined : shareNode(stateDir, report)
  const mountPoint = path.join(stateDir, "base", "mnt")
  const base: Base = { dir, fingerprint, node, scripts: ensureScripts(stateDir), mountPoint }
  if (report.launcher === "process" || fs.existsSync(dir)) return base
  fs.mkdirSync(mountPoint, { recursive: true })
  for (const name of [path.dirname(dir), mountPoint]) fs.chmodSync(name, 0o755)
  const building = path.join(path.dirname(dir), `.building-${randomUUID()}`)
  const mask = process.umask(0o022)
  try {
    build(building, report)
  } finally {
    process.umask(mask)
  }
  try {
    fs.renameSync(building, dir)
  } catch (error) {
    fs.rmSync(building, { recursive: true, force: true })
    if (!fs.existsSync(dir)) throw error
  }
  return base
}
