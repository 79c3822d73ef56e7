/** Ways into a devbox from elsewhere: SSH and tunnels. */
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync, statSync } from "node:fs"
import { type IncomingMessage, request } from "node:http"
import * as path from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { World } from "./devbox.ts"

// Each run is a process of its own, and a busy machine takes its time for many.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const world = new World()
let box = ""
beforeAll(async () => {
  box = await world.create("--name", "reached")
})
afterAll(() => world.end())

const secret = "PRIVATE KEY"

describe("ssh", () => {
  it("runs the system's client with a key that only its user reads, and that is gone afterwards", async (ctx) => {
    if (spawnSync("ssh", ["-V"]).status !== 0) ctx.skip("this machine has no SSH client")
    const temporary = path.join(world.root, "temporary")
    mkdirSync(temporary)
    const child = world.start(["ssh", box, "echo ready; cat; exit 7"], { env: { TMPDIR: temporary } })
    let shown = ""
    child.stderr.on("data", (chunk: Buffer) => (shown += chunk.toString()))
    await once(child.stdout, "data")
    const [folder] = readdirSync(temporary).filter((name) => name.startsWith("devbox-ssh-"))
    const place = path.join(temporary, folder!)
    expect(statSync(place).mode & 0o777).toBe(0o700)
    const modes = readdirSync(place).map((name) => (statSync(path.join(place, name)).mode & 0o777).toString(8))
    expect(modes.length).toBeGreaterThan(1)
    expect(new Set(modes)).toEqual(new Set(["600"]))
    child.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()))
    child.stdin.end("through ssh\n")
    expect(await once(child, "close")).toEqual([7, null])
    expect(shown).toBe("through ssh\n")
    expect(readdirSync(temporary)).toEqual([])
  })

  it("leaves no key behind when it is told to end", async (ctx) => {
    if (spawnSync("ssh", ["-V"]).status !== 0) ctx.skip("this machine has no SSH client")
    const temporary = path.join(world.root, "told")
    mkdirSync(temporary)
    const child = world.start(["ssh", box, "echo ready; sleep 1000"], { env: { TMPDIR: temporary } })
    await once(child.stdout, "data")
    child.kill("SIGTERM")
    await once(child, "close")
    expect(readdirSync(temporary)).toEqual([])
  })

  it("prints the key only where that is the command", async () => {
    expect(await world.ok(["ssh-key", box])).toContain(secret)
    const key = JSON.parse(await world.ok(["--json", "ssh-key", box])) as Record<string, unknown>
    expect(Object.keys(key).sort()).toEqual(
      ["devbox_id", "host", "known_hosts", "port", "private_key", "proxy_command", "url", "user"].sort()
    )
    for (const words of [["info", box], ["logs", box], ["list"]]) {
      for (const json of [[], ["--json"]]) expect(await world.ok([...json, ...words])).not.toContain(secret)
    }
  })
})

/** What a browser gets, on a machine whose resolver may not know names below `localhost`. */
const fetchFrom = async (url: string): Promise<readonly [number | undefined, string]> => {
  const { host, port } = new URL(url)
  const [answer] = (await once(request({ host: "127.0.0.1", port, headers: { host } }).end(), "response")) as [
    IncomingMessage
  ]
  return [answer.statusCode, await text(answer)]
}

describe("tunnel", () => {
  it("gives a URL that leads to a port inside, until it is closed", async () => {
    const server = `require("node:http").createServer((_, answer) => answer.end("served\\n")).listen(8000, () => console.log("up"))`
    const child = world.start(["exec", "-n", box, "node", "-e", server])
    await once(child.stdout, "data")
    const url = await world.ok(["tunnel", box, "8000"])
    expect(await fetchFrom(url)).toEqual([200, "served\n"])
    expect(JSON.parse(await world.ok(["--json", "tunnel", box, "8000"]))).toEqual({
      devbox_id: box,
      port: 8000,
      url,
      auth_token: null
    })
    await world.ok(["tunnel", "--rm", box])
    const open = fetchFrom(url).then(
      ([status]) => status === 200,
      () => false
    )
    expect(await open).toBe(false)
    child.kill("SIGTERM")
    await once(child, "close")
  })

  it("has a token when it is asked for one, which is shown nowhere else", async () => {
    const tunnel = JSON.parse(await world.ok(["--json", "tunnel", "--authenticated", box, "8001"])) as {
      readonly auth_token: string
    }
    expect(tunnel.auth_token.length).toBeGreaterThan(20)
    for (const words of [["info", box], ["list"], ["logs", box]]) {
      for (const json of [[], ["--json"]]) {
        const outcome = await world.run([...json, ...words])
        expect(outcome.stdout + outcome.stderr).not.toContain(tunnel.auth_token)
      }
    }
  })

  it("says that a port is missing", async () => {
    expect(await world.run(["tunnel", box])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("a tunnel leads to a port")
    })
  })
})
