import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it, vi } from "vitest"
import { launchers, makeHost, processesWith, unavailable } from "./helpers.ts"

const fixture = (name: string): string => path.join(import.meta.dirname, "fixtures", name)

const firstLine = async (child: ReturnType<typeof spawn>): Promise<string> => {
  let text = ""
  for await (const chunk of child.stdout!) {
    text += String(chunk)
    if (text.includes("\n")) return text.slice(0, text.indexOf("\n"))
  }
  throw new Error(`ended without a word: ${text}`)
}

for (const launcher of launchers) {
  const reason = unavailable(launcher)
  if (reason !== undefined) console.warn(`the owner's death on ${launcher} is skipped: ${reason}`)
  describe.skipIf(reason !== undefined)(`a box on ${launcher}`, () => {
    for (const count of [1, 10]) {
      it(`leaves no process and no mount when the owner of ${count} is killed with SIGKILL`, async () => {
        const marker = `38${Math.trunc(1e7 + Math.random() * 9e7)}`
        const child = spawn(process.execPath, [fixture("owner.ts"), launcher, String(count), marker], {
          stdio: ["ignore", "pipe", "inherit"]
        })
        const state = await firstLine(child)
        try {
          await vi.waitFor(() => expect(processesWith(`sleep\0${marker}`)).toHaveLength(4 * count), { timeout: 20_000 })
          child.kill("SIGKILL")
          await vi.waitFor(
            () => {
              expect(processesWith(marker)).toEqual([])
              expect(processesWith(state)).toEqual([])
            },
            { timeout: 20_000, interval: 20 }
          )
          expect(fs.readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(state)
        } finally {
          child.kill("SIGKILL")
          execFileSync("rm", ["-rf", state])
        }
      })
    }
  })
}

for (const launcher of launchers) {
  const root = process.getuid?.() === 0
  const reason = unavailable(launcher) ?? (root ? undefined : "this suite already runs as an ordinary user")
  if (reason !== undefined) console.warn(`${launcher} as another user is skipped: ${reason}`)
  it.skipIf(reason !== undefined)(`works the same for an ordinary user on ${launcher}`, async () => {
    const uid = 61_533
    const child = spawn(process.execPath, [fixture("ordinaryUser.ts"), launcher], {
      uid,
      gid: uid,
      cwd: "/",
      env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent" },
      stdio: ["ignore", "pipe", "inherit"]
    })
    const result = JSON.parse(await firstLine(child)) as Record<string, unknown>
    expect(result).toMatchObject({ uid, boxUid: uid, launcher, drops: false, code: 4, left: 0, shell: "/tmp\n1\n" })
    expect(result["big"]).toBe(Array.from({ length: 300000 }, (_, i) => `${i + 1}\n`).join("").length)
    expect(result["killed"]).toMatchObject({ remaining: 0 })
    if (launcher === "process") return
    expect(result["hello"]).toBe("user\n1000\n/home/user\nwrote\n")
    expect(result["proc"]).toMatch(/CapEff:\t0000000000000000\nNoNewPrivs:\t1\n\s+1000\s+0\s+1\n/)
    expect(result["procError"]).toMatch(/Read-only file system|Permission denied/)
  })
}

describe("a box that cannot start", () => {
  it("fails with what the launcher said", async () => {
    const host = await makeHost("util-linux")
    await expect(host.start({ lower: ["../no-such-layer"] })).rejects.toMatchObject({
      name: "SandboxStartError",
      stderr: expect.stringContaining("mount")
    })
    await expect(host.start({ lower: ["/"] })).rejects.toThrow("can not be a layer")
    await host.close()
  })
})
