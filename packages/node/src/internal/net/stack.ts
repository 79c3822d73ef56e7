// The network mode `user`: a program of this machine is the box's network card and speaks for it as an ordinary user would.
// It carries whatever TCP and UDP the box speaks, so nobody can say no by name; only this machine's loopback is left out.
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { dropped } from "../sandbox/tools.ts"
import type { Entrance, HostReport } from "../sandbox/types.ts"
import { DoorError } from "./door.ts"

const device = "/dev/net/tun"

const openFor = ({ drops, gid, uid }: HostReport): boolean => {
  const stat = fs.statSync(device, { throwIfNoEntry: false })
  if (stat === undefined) return false
  if (!drops && uid === 0) return true
  const shift = stat.uid === uid ? 6 : stat.gid === gid ? 3 : 0
  return ((stat.mode >> shift) & 6) === 6
}

/** Why a machine has no such network, as the end of a sentence; `undefined` when it has. */
export const stackProblem = (report: HostReport): string | undefined => {
  const { pasta, sh, slirp4netns } = report.tools
  if (sh === undefined || (pasta ?? slirp4netns) === undefined) {
    return "takes slirp4netns or pasta; install the package slirp4netns or passt"
  }
  return openFor(report)
    ? undefined
    : `takes ${device}, open to the user that devboxes run as; systems usually have it so: chmod 0666 ${device}`
}

/** What boxes of this mode ask for names; see `sandbox/layout.ts`, which tells them. */
const names = "10.0.2.3"

const commandOf = ({ tools }: HostReport, { pid, userPid }: Entrance): ReadonlyArray<string> => {
  const user = `/proc/${userPid}/ns/user`
  const network = `/proc/${pid}/ns/net`
  if (tools["slirp4netns"] !== undefined) {
    const where = ["--userns-path", user, "--netns-type", "path"]
    const bounds = ["--enable-seccomp", "--disable-host-loopback"]
    return [tools["slirp4netns"], "--configure", "--mtu", "65520", ...bounds, ...where, network, "tap0"]
  }
  const address = ["--address", "10.0.2.100", "--netmask", "24", "--gateway", "10.0.2.2", "--dns-forward", names]
  // Neither the gateway nor any port of either side stands for this machine's loopback.
  const closed = ["--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none"]
  return [
    tools["pasta"]!,
    "--foreground",
    "--quiet",
    "--ipv4-only",
    "--config-net",
    ...address,
    ...closed,
    "--userns",
    user,
    "--netns",
    network
  ]
}

// It leads a process group that ends with the first of: its program, its owner's end of the pipe, its owner.
const keeper = `{ "$@" </dev/null; kill -s KILL 0; } & read -r end; kill -s KILL 0`

const hasRoute = (pid: number): boolean => {
  try {
    // Destination and mask 0: the default route.
    return /^\S+\t00000000\t(\S+\t){5}00000000\t/m.test(fs.readFileSync(`/proc/${pid}/net/route`, "utf8"))
  } catch {
    return false
  }
}

const look = 2
const patience = 10_000

/** Gives a box its network card; resolves when it works, with what takes it away again. */
export const startStack = async (report: HostReport, entrance: Entrance): Promise<() => void> => {
  const argv = commandOf(report, entrance)
  const child = spawn(report.tools["sh"]!, ["-c", keeper, "sh", ...argv], {
    cwd: "/",
    env: {},
    detached: true,
    stdio: ["pipe", "ignore", "pipe"],
    ...dropped(report)
  })
  let said = ""
  let over = false
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-1024)))
  child.once("error", (error) => ((over = true), (said += error.message)))
  child.once("exit", () => (over = true))
  child.stdin.on("error", () => {})
  const stop = () => void child.stdin.end()
  const deadline = performance.now() + patience
  while (!hasRoute(entrance.pid)) {
    if (over || performance.now() > deadline) {
      stop()
      throw new DoorError("failed", `${argv[0]} did not give the devbox a network: ${said.trim() || "it said nothing"}`)
    }
    await pause(look)
  }
  child.unref()
  return stop
}
