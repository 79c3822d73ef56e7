// Control groups: where they can be made, and that they bound a whole box, tell of a lack of memory, and go with the box.
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import {
  type GroupLimits,
  type GroupParents,
  groupPrefix,
  limitFiles,
  planGroups,
  removeGroups
} from "../../../packages/node/src/internal/sandbox/groups.ts"
import { BoxClosedError } from "../../../packages/node/src/internal/sandbox/errors.ts"
import { findGroupParents, hierarchies } from "../../../packages/node/src/internal/sandbox/groupsOfHost.ts"
import type { Box } from "../../../packages/node/src/internal/sandbox/types.ts"
import { type Host, launch, launchers, makeHost, printed, run, text, unavailable } from "./helpers.ts"

const MiB = 2 ** 20

describe("the hierarchies of a host", () => {
  it("are found in version 1, side by side", () => {
    const mounts = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd`
    expect(hierarchies(mounts, "4:memory:/a b/c\n2:cpu,cpuacct:/\n9:name=systemd:/\n0::/x\n")).toEqual([
      { version: 1, controllers: ["memory"], point: "/sys/fs/cgroup/memory", own: "/sys/fs/cgroup/memory/a b/c" },
      {
        version: 1,
        controllers: ["cpu", "cpuacct"],
        point: "/sys/fs/cgroup/cpu,cpuacct",
        own: "/sys/fs/cgroup/cpu,cpuacct"
      },
      { version: 1, controllers: ["name=systemd"], point: "/sys/fs/cgroup/systemd", own: "/sys/fs/cgroup/systemd" }
    ])
  })

  it("are found in version 2, where all controllers are one", () => {
    const scope = "/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope"
    expect(hierarchies("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate", `0::${scope}\n`)).toEqual([
      { version: 2, controllers: [], point: "/sys/fs/cgroup", own: `/sys/fs/cgroup${scope}` }
    ])
  })

  it("are found in a container that sees a part of them", () => {
    const mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory"
    expect(hierarchies(mounts, "4:memory:/docker/abc\n")[0]?.own).toBe("/sys/fs/cgroup/memory")
    expect(hierarchies(mounts, "4:memory:/docker/abc/child\n")[0]?.own).toBe("/sys/fs/cgroup/memory/child")
    // With a namespace of its own it sees names that do not begin where the mount does.
    expect(hierarchies(mounts, "4:memory:/\n")[0]?.own).toBe("/sys/fs/cgroup/memory")
  })
})

describe("the plan of a box's groups", () => {
  const limits: GroupLimits = { memoryBytes: 64 * MiB, cores: 0.5, processes: 20 }

  it("has a group for each hierarchy of version 1, and one for all of version 2", () => {
    const one = (controller: "memory" | "cpu" | "pids", version: 1 | 2) => ({
      controller,
      version,
      dir: `/g/${version}`
    })
    const both: GroupParents = { memory: one("memory", 2), cpu: one("cpu", 2), pids: one("pids", 1) }
    expect(planGroups(both, "box", limits)).toEqual({
      kills: { file: "/g/2/box/memory.events" },
      groups: [
        {
          dir: "/g/2/box",
          settings: [
            { file: "memory.max", value: "67108864", optional: false },
            { file: "memory.swap.max", value: "0", optional: true },
            { file: "cpu.max", value: "50000 100000", optional: false }
          ]
        },
        { dir: "/g/1/box", settings: [{ file: "pids.max", value: "20", optional: false }] }
      ]
    })
    expect(limitFiles(one("cpu", 1), limits).map(({ value }) => value)).toEqual(["100000", "50000"])
    expect(planGroups({}, "box", limits)).toBeUndefined()
    expect(planGroups(both, "box", {})).toBeUndefined()
  })

  it("names them after the state directory and nothing else", () => {
    expect(groupPrefix("/a/b/../c")).toBe(groupPrefix("/a/c"))
    expect(groupPrefix("/a/c")).not.toBe(groupPrefix("/a/d"))
  })
})

const parents = findGroupParents()
const missing = (["memory", "cpu", "pids"] as const).filter((controller) => parents[controller] === undefined)
const noGroups = missing.length === 0 ? undefined : `this process can make no control groups for ${missing.join(", ")}`

for (const launcher of launchers) {
  const reason = unavailable(launcher) ?? noGroups
  if (reason !== undefined) console.warn(`groups on ${launcher} are skipped: ${reason}`)
  describe.skipIf(reason !== undefined)(`groups on ${launcher}`, () => {
    let host: Host
    let box: Box
    const dirs = () =>
      Object.values(parents)
        .flatMap(({ dir }) => fs.readdirSync(dir).map((name) => path.join(dir, name)))
        .filter((dir) => path.basename(dir).startsWith(groupPrefix(host.state)))
    const bounded = async (id: string, limits: GroupLimits): Promise<Box> => {
      const groups = planGroups(parents, `${groupPrefix(host.state)}${id}`, limits)!
      return host.start({ id, groups })
    }
    beforeAll(async () => {
      host = await makeHost(launcher)
      box = await bounded("bounded", { memoryBytes: 64 * MiB, cores: 1, processes: 40 })
    })
    afterAll(() => host?.close())

    it("hold every process of the box, from the first on", async () => {
      const execution = launch(box, "setsid sleep 100 & sleep 100 & echo up; wait")
      await printed(box, execution.id, "up")
      // The agent may be starting something between two looks.
      await vi.waitFor(() => {
        const seen = dirs().map(
          (dir) => fs.readFileSync(path.join(dir, "cgroup.procs"), "utf8").trim().split("\n").length
        )
        expect(seen).toHaveLength(3)
        expect(new Set(seen).size).toBe(1)
        // The agent, the command, its two children, and what built the box.
        expect(seen[0]).toBeGreaterThanOrEqual(4)
      })
      expect(await box.kill(execution.id, { group: true })).toMatchObject({ remaining: 0 })
    })

    it("say that memory was the reason, and leave the rest of the box alone", async () => {
      const hog = "head -c 200M /dev/zero | tail | wc -c"
      const plain = await run(box, "s=xxxxxxxx; while :; do s=$s$s; done")
      expect(plain).toMatchObject({ code: 137, outOfMemory: "cause" })
      const deeper = await run(box, `${hog}; exit \${PIPESTATUS[1]}`)
      expect(deeper).toMatchObject({ code: 137, outOfMemory: "cause" })
      const survived = await run(box, `${hog}; echo went on`)
      expect(survived).toMatchObject({ code: 0, outOfMemory: "seen" })
      const failed = await run(box, `${hog}; exit 3`)
      expect(failed).toMatchObject({ code: 3, outOfMemory: "cause" })
      const shell = { shellName: "hungry" }
      expect(await run(box, "s=xxxxxxxx; while :; do s=$s$s; done", shell)).toMatchObject({
        code: 137,
        shellDied: true,
        outOfMemory: "cause"
      })
      expect(await run(box, "echo again", shell)).toMatchObject({ stdout: "again\n", shellFresh: true })
      expect(await run(box, "echo fine")).toMatchObject({ code: 0, stdout: "fine\n", outOfMemory: "no" })
      const killed = launch(box, "sleep 100")
      await killed.started
      await box.kill(killed.id, { group: true })
      expect(await killed.done).toMatchObject({ code: 137, outOfMemory: "no" })
      const suicide = await run(box, "kill -9 $$")
      expect(suicide).toMatchObject({ code: 137, outOfMemory: "no" })
    })

    it("bound the time that it computes: a fifth of a processor is no more, however many want it", async () => {
      const slow = await bounded("slow", { cores: 0.2 })
      const before = performance.now()
      const spin = "for i in 1 2 3 4; do timeout 1 bash -c 'while :; do :; done' & done; wait; times"
      const { stdout } = await run(slow, spin)
      const wall = (performance.now() - before) / 1000
      await slow.stop()
      const computed = Array.from(stdout.matchAll(/(\d+)m([0-9.]+)s/g)).reduce(
        (sum, [, m, s]) => sum + 60 * Number(m) + Number(s),
        0
      )
      expect(computed).toBeGreaterThan(0)
      expect(computed).toBeLessThan(0.2 * wall + 0.1)
    })

    it("bound the number of its processes, and let it recover", async () => {
      const bomb = launch(box, ["sh", "-c", "i=0; while [ $i -lt 100 ]; do sleep 100 & i=$((i+1)); done"])
      expect((await bomb.done).code).toBe(2)
      expect(await text(box, bomb.id, "stderr")).toMatch(/fork/i)
      expect(await box.kill(bomb.id, { group: true })).toMatchObject({ remaining: 0 })
      expect(await run(box, "echo again")).toMatchObject({ stdout: "again\n" })
    })

    it("are gone with the box, also with one that ran out of memory itself", async () => {
      const other = await bounded("other", { memoryBytes: 64 * MiB })
      expect(dirs().filter((dir) => dir.endsWith("-other"))).toHaveLength(1)
      // In the process tier -1 is everything that this user has, so there only the agent goes.
      const end = launcher === "process" ? "kill -9 $PPID $(ps -o ppid= $PPID)" : "kill -9 -1"
      const doomed = launch(other, `(s=xxxxxxxx; while :; do s=$s$s; done); ${end}`)
      await expect(doomed.done).rejects.toThrow(BoxClosedError)
      expect(await other.closed).toMatchObject({ outOfMemory: true })
      expect(dirs().filter((dir) => dir.endsWith("-other"))).toEqual([])
      await box.stop()
      expect(dirs()).toEqual([])
      expect(fs.existsSync(path.join(box.dir, "groups.json"))).toBe(false)
    })

    it("are found by their record when nobody removed them, and what is in them is ended", async () => {
      const dir = path.join(parents.pids!.dir, `${groupPrefix(host.state)}lost`)
      fs.mkdirSync(dir)
      const boxDir = path.join(host.state, "lost")
      fs.mkdirSync(boxDir)
      fs.writeFileSync(path.join(boxDir, "groups.json"), JSON.stringify([dir, `${dir}-that-is-gone`]))
      const stray = await host.start({ id: "stray" })
      const sleeper = launch(stray, "echo $$; exec sleep 100")
      await printed(stray, sleeper.id, "\n")
      fs.writeFileSync(path.join(dir, "cgroup.procs"), String(stray.pid ?? (await sleeper.started).pid))
      await removeGroups(boxDir)
      expect(fs.existsSync(dir)).toBe(false)
      await sleeper.done.catch(() => {})
      await removeGroups(boxDir)
    })
  })
}
