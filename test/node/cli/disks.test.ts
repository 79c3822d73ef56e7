/** Suspension, snapshots and forks from the command line. */
import { afterAll, describe, expect, it, vi } from "vitest"
import { World } from "./devbox.ts"

// Each run is a process of its own, and a busy machine takes its time for many.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const world = new World()
afterAll(() => world.end())

const json = async (...args: ReadonlyArray<string>) => JSON.parse(await world.ok(["--json", ...args])) as unknown
const words = async (...args: ReadonlyArray<string>) => (await world.ok(args)).split("\n")

describe("disks", () => {
  it("are kept over suspend and resume", async () => {
    const box = await world.create("--name", "sleeper")
    await world.ok(["exec", "-n", box, "echo kept > file"])
    expect(await json("suspend", box)).toMatchObject({ id: box, status: "suspended" })
    const asleep = await world.run(["exec", "-n", box, "true"])
    expect([asleep.status, asleep.stderr]).toEqual([125, expect.stringContaining(`devbox resume ${box}`)])
    expect(await json("resume", "sleeper")).toMatchObject({ id: box, status: "running" })
    expect(await world.ok(["exec", "-n", box, "cat file"])).toBe("kept")
    await world.ok(["rm", box])
  })

  it("are kept as snapshots, which others start from", async () => {
    const box = await world.create("--name", "source")
    await world.ok(["exec", "-n", box, "echo first > file"])
    const snapshot = await world.ok(["snapshot", "create", box, "--name", "one", "-m", "what it is"])
    await world.ok(["exec", "-n", box, "echo second > file"])
    expect(await json("snapshot", "list", "--devbox", "source")).toEqual([
      expect.objectContaining({ id: snapshot, name: "one", source_devbox_id: box, create_time_ms: expect.any(Number) })
    ])
    expect(await words("snapshot", "list", "-q")).toEqual([snapshot])
    const other = await world.create("--snapshot", snapshot)
    expect(await world.ok(["exec", "-n", other, "cat file"])).toBe("first")
    expect(await world.ok(["run", snapshot, "--no-upload", "--", "cat", "file"])).toBe("first")
    await world.ok(["rm", box, other])
    expect(await json("snapshot", "rm", snapshot)).toEqual([{ id: snapshot, deleted: true }])
    expect(await words("snapshot", "list", "-q")).toEqual([""])
  })

  it("are copied by fork, as they are at that moment", async () => {
    const box = await world.create()
    await world.ok(["exec", "-n", box, "echo same > file"])
    const forked = (await json("fork", box, "--count", "2")) as {
      readonly snapshot_id: string
      readonly devboxes: ReadonlyArray<{ readonly id: string }>
    }
    expect(forked.devboxes.length).toBe(2)
    for (const { id } of forked.devboxes) expect(await world.ok(["exec", "-n", id, "cat file"])).toBe("same")
    await world.ok(["rm", box, ...forked.devboxes.map(({ id }) => id)])
    await world.ok(["snapshot", "rm", forked.snapshot_id])
  })
})
