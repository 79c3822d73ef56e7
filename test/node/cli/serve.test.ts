/** `devbox serve`, and the same commands against it. */
import { once } from "node:events"
import { readFileSync, statSync } from "node:fs"
import { createInterface } from "node:readline"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { World } from "./devbox.ts"

// Each run is a process of its own, and a busy machine takes its time for many.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const world = new World()
let server: ReturnType<World["start"]>
let how: { readonly env: Readonly<Record<string, string>> }
let keyFile = ""

beforeAll(async () => {
  server = world.start(["--json", "serve", "--port", "0"])
  const [line] = (await once(createInterface({ input: server.stdout }), "line")) as [string]
  const started = JSON.parse(line) as { readonly url: string; readonly key_file: string }
  keyFile = started.key_file
  how = {
    env: { EFFECT_DEVBOX_BACKEND: started.url, EFFECT_DEVBOX_API_KEY: readFileSync(keyFile, "utf8").trim() }
  }
})
afterAll(async () => {
  server.kill("SIGTERM")
  expect(await once(server, "close")).toEqual([null, "SIGTERM"])
  await world.end()
})

describe("serve", () => {
  it("keeps its key where only its user reads it", () => {
    expect(statSync(keyFile).mode & 0o077).toBe(0)
  })

  it("refuses who has no key, and says what to set", async () => {
    const outcome = await world.run(["list"], { env: { ...how.env, EFFECT_DEVBOX_API_KEY: "wrong" } })
    expect([outcome.status, outcome.stderr]).toEqual([7, expect.stringContaining("EFFECT_DEVBOX_API_KEY")])
  })

  it("gives the same commands over HTTP: create, exec, cp, logs, rm", async () => {
    const box = await world.ok(["create", "--name", "served"], how)
    expect(await world.ok(["list", "-q"], how)).toBe(box)
    const outcome = await world.run(["exec", box, "cat; exit 12"], { ...how, input: Buffer.from([0, 255, 128]) })
    expect([outcome.status, outcome.bytes]).toEqual([12, Buffer.from([0, 255, 128])])
    await world.ok(["cp", "-", "served:file"], { ...how, input: "contents" })
    expect(await world.ok(["cp", "served:file", "-"], how)).toBe("contents")
    expect(await world.ok(["logs", "served"], how)).toContain("exit status 12")
    expect(JSON.parse(await world.ok(["--json", "doctor"], how))).toMatchObject({
      backend: how.env["EFFECT_DEVBOX_BACKEND"],
      features: expect.arrayContaining(["exactBytes"])
    })
    await world.ok(["rm", "served"], how)
    expect(await world.ok(["list", "-q"], how)).toBe("")
  })

  it("runs one command over a folder there, and leaves nothing", async () => {
    const outcome = await world.run(["run", "--no-upload", "--", "echo there; exit 4"], how)
    expect(outcome).toMatchObject({ status: 4, stdout: "there\n" })
    expect(await world.ok(["list", "-q"], how)).toBe("")
  })

  it("lets in those for whom keys are made while it runs, each to devboxes of its own, until they are withdrawn", async () => {
    const key = await world.ok(["serve", "keys", "add", "ada"])
    expect(key).toMatch(/^edb_/)
    const made = JSON.parse(await world.ok(["--json", "serve", "keys", "add", "ada"])) as Record<string, string>
    const as = (given = "") => ({ env: { ...how.env, EFFECT_DEVBOX_API_KEY: given } })
    const box = await world.ok(["create"], as(key))
    // Another key of the same name is the same person's.
    expect(await world.ok(["list", "-q"], as(made["key"]))).toBe(box)
    expect(await world.ok(["list", "-q"], how)).toBe("")
    const listed = await world.ok(["serve", "keys", "list"])
    expect(listed).toMatch(/^ID +NAME +AGE +REVOKED\nkey_\w+ +default +\S+ +-\nkey_\w+ +ada /)
    expect(listed).not.toContain(key)
    expect(await world.ok(["serve", "keys", "revoke", made["id"] ?? ""])).toBe(made["id"])
    expect((await world.run(["list"], as(made["key"]))).status).toBe(7)
    await world.ok(["rm", box], as(key))
    await world.ok(["serve", "keys", "revoke", "ada"])
    expect((await world.run(["list"], as(key))).status).toBe(7)
    const again = await world.run(["serve", "keys", "revoke", "ada"])
    expect([again.status, again.stderr]).toEqual([2, expect.stringContaining("no key of the id or name ada is in use")])
    const bad = await world.run(["serve", "keys", "add", "a b"])
    expect([bad.status, bad.stderr]).toEqual([2, expect.stringContaining('"a b" cannot be a name')])
    expect(await world.ok(["serve", "keys", "--help"])).toMatch(/add[\s\S]*list[\s\S]*revoke/)
  })

  it("says when its port is taken", async () => {
    const port = new URL(how.env["EFFECT_DEVBOX_BACKEND"]!).port
    const outcome = await world.run(["serve", "--port", port], {
      env: { EFFECT_DEVBOX_STATE_DIR: `${world.root}/other` }
    })
    expect([outcome.status, outcome.stderr]).toEqual([8, expect.stringContaining("EADDRINUSE")])
  })
})
