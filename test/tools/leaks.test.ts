/** The leak check finds a planted leak of each kind, and nothing where nothing is. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, openSync, rmSync, rmdirSync, writeFileSync, closeSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { once } from "node:events"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { groupPrefix } from "../../packages/node/src/internal/sandbox/groups.ts"
import { findLeaks, type LeakQuery } from "./findLeaks.ts"
import * as Proc from "./proc.ts"

let base = ""
let stateDir = ""
let undo: Array<() => unknown> = []

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "leak-check-"))
  stateDir = join(base, "state dir")
  undo = [() => rmSync(base, { recursive: true, force: true })]
})

afterEach(async () => {
  for (const step of undo.reverse()) await step()
})

/** Starts a process that says `ready` and then stays until the test ends. */
const plant = async (
  script: string,
  options: { cwd?: string; env?: Record<string, string> } = {}
): Promise<ChildProcess> => {
  const child = spawn("sh", ["-c", `${script}; echo ready; exec tail -f /dev/null`], {
    cwd: options.cwd ?? "/",
    env: { PATH: process.env["PATH"], ...options.env },
    stdio: ["ignore", "pipe", "inherit"]
  })
  undo.push(() => {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined
    child.kill("SIGKILL")
    return ended
  })
  const [first] = (await Promise.race([once(child.stdout, "data"), once(child, "exit")])) as [unknown]
  expect(String(first)).toContain("ready")
  return child
}

const kinds = (query: Partial<LeakQuery> = {}): ReadonlyArray<string> => [
  ...new Set(findLeaks({ stateDir, ...query }).map((leak) => leak.kind))
]

describe("findLeaks", () => {
  it("finds nothing where nothing is", () => {
    expect(findLeaks({ stateDir })).toEqual([])
  })

  it("finds a directory that stays, and accepts what may stay", () => {
    mkdirSync(join(stateDir, "base"), { recursive: true })
    expect(kinds()).toEqual(["directory"])
    expect(kinds({ allow: ["base"] })).toEqual([])
    writeFileSync(join(stateDir, "journal"), "")
    expect(findLeaks({ stateDir, allow: ["base"] }).map((leak) => leak.what)).toContain(join(stateDir, "journal"))
  })

  it("does not take a neighbour with a longer name for the directory", async () => {
    mkdirSync(`${stateDir}-2`)
    await plant(":", { cwd: `${stateDir}-2` })
    expect(kinds()).toEqual([])
  })

  it("finds a process by its working directory, even a removed one", async () => {
    mkdirSync(stateDir)
    const child = await plant(":", { cwd: stateDir })
    rmdirSync(stateDir)
    expect(findLeaks({ stateDir })).toMatchObject([{ kind: "process", why: expect.stringContaining("cwd") }])
    expect(findLeaks({ stateDir })[0]?.what).toMatch(new RegExp(`^${child.pid} `))
  })

  it("finds a process by its environment", async () => {
    await plant(":", { env: { BOX: join(stateDir, "boxes/1") } })
    expect(findLeaks({ stateDir })).toMatchObject([{ kind: "process", why: "environment" }])
  })

  it("finds a process by an open file that is already deleted", async () => {
    mkdirSync(stateDir)
    const path = join(stateDir, "out")
    closeSync(openSync(path, "w"))
    await plant(`exec 7<"$F"; unset F; cd /`, { env: { F: path } })
    rmSync(stateDir, { recursive: true })
    expect(
      findLeaks({ stateDir })
        .map((leak) => leak.why)
        .join()
    ).toContain("open file")
  })

  it("finds a process that carries a devbox variable, when asked, since a point in time", async () => {
    const before = Date.now() - 1000
    const child = await plant(":", { env: { DEVBOX_EXECUTION: "0199" } })
    const found = (since: number) =>
      findLeaks({ stateDir, since }).some((leak) => leak.what.startsWith(`${child.pid} `))
    expect(found(before)).toBe(true)
    expect(found(Date.now() + 3_600_000)).toBe(false)
    expect(kinds()).toEqual([])
  })

  it("knows when a process started, to a few hundredths of a second", async () => {
    const before = Date.now()
    const { pid } = await plant(":")
    expect(Proc.startedAt(pid!)).toBeGreaterThan(before - 50)
    expect(Proc.startedAt(pid!)).toBeLessThan(Date.now() + 50)
  })

  it("finds a mount in a private namespace, of the directory and of something bound from it", async (ctx) => {
    const probe = spawnSync("unshare", ["-Urm", "true"], { encoding: "utf8" })
    if (probe.status !== 0) ctx.skip(`this machine gives no private mount namespace: ${probe.stderr ?? probe.error}`)
    mkdirSync(join(stateDir, "m"), { recursive: true })
    mkdirSync(join(stateDir, "q"))
    await plant(
      `exec unshare -Urm --propagation private sh -c 'mount -t tmpfs x "$0/m" && mount --bind "$0/q" /mnt && cd / && echo ready && exec env -i tail -f /dev/null' '${stateDir}'`
    )
    const mounts = findLeaks({ stateDir }).filter((leak) => leak.kind === "mount")
    expect(mounts.map((leak) => leak.what).sort()).toEqual(["/mnt", join(stateDir, "m")])
  })

  it("finds a listening socket", async () => {
    mkdirSync(stateDir)
    const server = createServer().listen(join(stateDir, "control.sock"))
    undo.push(() => new Promise((done) => server.close(done)))
    await once(server, "listening")
    expect(kinds()).toEqual(expect.arrayContaining(["socket", "directory"]))
  })

  /** A control group of this name, or the reason why this user may not make one. */
  const plantGroup = (group: string): string | undefined => {
    try {
      mkdirSync(group)
    } catch (error) {
      return `this user may not make a control group in ${group}: ${String(error)}`
    }
    undo.push(() => rmdirSync(group))
    return undefined
  }

  it("finds a control group that is named after devboxes, when asked", (ctx) => {
    const group = "/sys/fs/cgroup/pids/devbox-leak-check"
    const before = Date.now() - 1000
    const refused = plantGroup(group)
    if (refused !== undefined) ctx.skip(refused)
    expect(findLeaks({ stateDir, since: before }).map((leak) => leak.what)).toContain(group)
    expect(kinds()).toEqual([])
  })

  it("finds the control group of a devbox of this state directory", (ctx) => {
    const refused = plantGroup(`/sys/fs/cgroup/pids/${groupPrefix(stateDir)}dbx_leak`)
    if (refused !== undefined) ctx.skip(refused)
    expect(kinds()).toEqual(["control group"])
    expect(findLeaks({ stateDir: `${stateDir}-other` }).map((leak) => leak.kind)).toEqual([])
  })
})
