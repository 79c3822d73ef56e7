import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ensureBase } from "../../../packages/node/src/internal/sandbox/base.ts"
import { probeHost } from "../../../packages/node/src/internal/sandbox/probe.ts"
import { removeBoxDir } from "../../../packages/node/src/internal/sandbox/remove.ts"
import { findTool } from "../../../packages/node/src/internal/sandbox/tools.ts"
import { makeHost, run } from "./helpers.ts"

describe("a host", () => {
  let state: string
  beforeEach(() => {
    state = fs.mkdtempSync(path.join("/var/tmp", "devbox-host-"))
    fs.chmodSync(state, 0o755)
  })
  afterEach(() => {
    execFileSync("rm", ["-rf", state])
  })

  it("is probed by doing, and each probe says what it did", async () => {
    const report = await probeHost({ stateDir: state })
    console.log(`isolation here: ${report.tier} by ${report.launcher}, probed in ${report.ms} ms`)
    expect(report.tier).toBe("isolated")
    expect(report.launcher).toBe(findTool("bwrap") === undefined ? "util-linux" : "bubblewrap")
    expect(report.blockedBy).toBeUndefined()
    expect(report.uid).not.toBe(0)
    expect(report.drops).toBe(process.getuid?.() === 0)
    expect(report.probes.map((probe) => probe.name)).toEqual(
      expect.arrayContaining(["linux", "tools", "state-dir", "user-namespace", "overlay", "bubblewrap"])
    )
    expect(fs.readdirSync(state)).toEqual([])
  })

  it("does without bubblewrap when it is hidden by an option or by the environment", async () => {
    const hidden = await probeHost({ stateDir: state, bubblewrap: false })
    expect(hidden).toMatchObject({ tier: "isolated", launcher: "util-linux" })
    expect(hidden.probes.find((probe) => probe.name === "bubblewrap")).toMatchObject({
      ok: false,
      detail: "hidden by request"
    })
    process.env["EFFECT_DEVBOX_BUBBLEWRAP"] = "off"
    try {
      expect((await probeHost({ stateDir: state })).launcher).toBe("util-linux")
    } finally {
      delete process.env["EFFECT_DEVBOX_BUBBLEWRAP"]
    }
  })

  it("names the probe that failed and its cure", async () => {
    const report = await probeHost({ stateDir: state, bubblewrap: "/bin/false", timeoutMs: 1 })
    expect(report.tier).toBe("process")
    expect(report.blockedBy?.detail).toContain("no answer within 1 ms")
    expect(report.blockedBy?.cure).toBeDefined()
  })

  it.skipIf(process.getuid?.() !== 0)("tells root that a private directory is no place for boxes", async () => {
    const closed = path.join(state, "closed")
    fs.mkdirSync(closed, { mode: 0o700 })
    const report = await probeHost({ stateDir: path.join(closed, "state") })
    expect(report).toMatchObject({ tier: "process", blockedBy: { name: "state-dir" } })
    expect(report.blockedBy?.cure).toContain("every user can pass")
  })

  it("reports the process tier when it is asked for, and probes no isolation", async () => {
    const report = await probeHost({ stateDir: state, tier: "process" })
    expect(report).toMatchObject({ tier: "process", launcher: "process", drops: false })
    expect(report.probes.map((probe) => probe.name)).toEqual(["env-signals"])
  })

  it("builds its base once, whoever else builds it at the same time", async () => {
    const report = await probeHost({ stateDir: state })
    const bases = await Promise.all(Array.from({ length: 4 }, () => ensureBase(state, report)))
    expect(new Set(bases.map((base) => base.dir)).size).toBe(1)
    const { dir } = bases[0]!
    const stamp = fs.statSync(dir).ino
    await ensureBase(state, report)
    expect(fs.statSync(dir).ino).toBe(stamp)
    expect(fs.readdirSync(path.dirname(dir)).sort()).toEqual([path.basename(dir), "mnt"].sort())
    expect(fs.readFileSync(path.join(dir, "etc/passwd"), "utf8")).toContain(
      "user:x:1000:1000:user:/home/user:/bin/bash"
    )
    const secrets = ["etc/shadow", "etc/ssh", "etc/machine-id", "etc/ssl/private", "etc/sudoers", "root/.ssh"]
    expect(secrets.filter((name) => fs.existsSync(path.join(dir, name)))).toEqual([])
    const foreign = execFileSync("find", [dir, "!", "-uid", String(report.uid)], { encoding: "utf8" })
    expect(foreign).toBe("")
  })

  it("copies Node once when it lies where the box's user cannot go", async () => {
    const report = await probeHost({ stateDir: state })
    if (!report.drops) return console.log("not root here: the caller's own Node can always be bound")
    const home = path.join(state, "private")
    fs.mkdirSync(path.join(home, "bin"), { recursive: true, mode: 0o700 })
    fs.chmodSync(home, 0o700)
    const node = path.join(home, "bin", "node")
    fs.copyFileSync(process.execPath, node, fs.constants.COPYFILE_FICLONE)
    const script = `import { probeHost } from ${JSON.stringify(path.resolve("packages/node/src/internal/sandbox/probe.ts"))};
      import { ensureBase } from ${JSON.stringify(path.resolve("packages/node/src/internal/sandbox/base.ts"))};
      const report = await probeHost({ stateDir: ${JSON.stringify(state)} });
      console.log(JSON.stringify((await ensureBase(${JSON.stringify(state)}, report)).node))`
    const args = ["--input-type=module", "-e", script]
    const shared = JSON.parse(execFileSync(node, args, { encoding: "utf8" })) as { path: string; kind: string }
    expect(shared.kind).toBe("file")
    expect(path.dirname(shared.path)).toBe(path.join(state, "tools"))
    expect(JSON.parse(execFileSync(node, args, { encoding: "utf8" }))).toEqual(shared)
    expect(execFileSync(shared.path, ["-v"], { uid: report.uid, encoding: "utf8" }).trim()).toBe(process.version)
  })
})

it("removes a box's directory with everything a box can leave in it", async () => {
  const host = await makeHost("util-linux")
  const box = await host.start()
  await run(box, "mkdir -p ~/a/b/c; touch ~/a/b/c/f; chmod 000 ~/a/b; mkfifo ~/p; ln -s / ~/root; chmod 500 ~/a")
  await box.stop()
  const trash = path.join(host.state, "trash")
  await removeBoxDir(box.dir, trash)
  expect(fs.existsSync(box.dir)).toBe(false)
  expect(fs.readdirSync(trash)).toEqual([])
  await removeBoxDir(box.dir, trash)
  await host.close()
})
