/** `devbox exec` from outside: what a shell sees of it. */
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { World } from "./devbox.ts"

// Each run is a process of its own, and a busy machine takes its time for many.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const world = new World()
let box = ""
beforeAll(async () => {
  box = await world.create("--name", "exec-box")
})
afterAll(() => world.end())

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

describe("exec", () => {
  it("passes every exit status on, from 0 to 255", { timeout: 240_000 }, async () => {
    const wrong: Array<string> = []
    const queue = Array.from({ length: 256 }, (_, status) => status)
    const worker = async () => {
      for (let status = queue.shift(); status !== undefined; status = queue.shift()) {
        const outcome = await world.run(["exec", box, `exit ${status}`])
        if (outcome.status !== status) wrong.push(`${status} became ${outcome.status}: ${outcome.stderr}`)
      }
    }
    await Promise.all([worker(), worker(), worker()])
    expect(wrong).toEqual([])
    console.log("exec: exit statuses 0 to 255 passed through")
  })

  it("says 128 + n after the death by signal n", async () => {
    for (const [name, number] of [
      ["TERM", 15],
      ["KILL", 9],
      ["SEGV", 11]
    ] as const) {
      expect((await world.run(["exec", box, `kill -${name} $$`])).status).toBe(128 + number)
    }
  })

  it("passes bytes through both ways, untouched", async () => {
    const bytes = randomBytes(5_000_000)
    const outcome = await world.run(["exec", box, "cat"], { input: bytes })
    expect(sha256(outcome.bytes)).toBe(sha256(bytes))
    const inside = await world.run(["exec", box, "sha256sum"], { input: bytes })
    expect(inside.stdout.split(" ")[0]).toBe(sha256(bytes))
  })

  it("keeps the two outputs apart", async () => {
    const outcome = await world.run(["exec", box, "echo out; echo err >&2"])
    expect(outcome).toMatchObject({ status: 0, stdout: "out\n", stderr: "err\n" })
  })

  it("runs several words without a shell and one word with bash", async () => {
    expect(await world.ok(["exec", box, "printf", "%s|", "a b", "$HOME", "*"])).toBe("a b|$HOME|*|")
    expect(await world.ok(["exec", box, 'echo "$HOME" | tr a-z A-Z'])).toBe("/HOME/USER")
  })

  it("leaves dashes after the devbox to the command, with and without --", async () => {
    expect(await world.ok(["exec", box, "printf", "%s", "--json"])).toBe("--json")
    expect(await world.ok(["exec", box, "--", "printf", "%s", "-n"])).toBe("-n")
    expect(await world.ok(["exec", "--cwd", "/", box, "pwd", "-P"])).toBe("/")
  })

  it("finds the devbox by its name and by the beginning of its id", async () => {
    expect(await world.ok(["exec", "exec-box", "echo", "by name"])).toBe("by name")
    expect(await world.ok(["exec", box.slice(0, -3), "echo", "by prefix"])).toBe("by prefix")
  })

  it("gives variables to the command, and takes one that has no value from here", async () => {
    const outcome = await world.run(["exec", "-e", "A=1", "--env", "SECRET", box, "echo $A $SECRET"], {
      env: { SECRET: "from here" }
    })
    expect(outcome.stdout).toBe("1 from here\n")
  })

  it("ends the command at the deadline, with status 124", async () => {
    const outcome = await world.run(["exec", "--timeout", "300ms", box, "sleep", "1000"])
    expect(outcome.status).toBe(124)
    expect(outcome.stderr).toContain("did not finish within 300ms")
    expect(await world.ok(["exec", box, "pgrep -x sleep || echo none"])).toBe("none")
  })

  it("ends the command when nobody reads its output any more, as SIGPIPE would", async () => {
    const child = world.start(["exec", box, "yes"])
    child.stdin.end()
    await once(child.stdout, "data")
    child.stdout.destroy()
    const [status] = (await once(child, "close")) as [number]
    expect(status).toBe(141)
    expect(await world.ok(["exec", box, "pgrep -x yes || echo none"])).toBe("none")
  })

  it("ends the command when it is told to end itself", async () => {
    const child = world.start(["exec", box, "echo started; sleep 1000"])
    await once(child.stdout, "data")
    child.kill("SIGTERM")
    expect(await once(child, "close")).toEqual([null, "SIGTERM"])
    expect(await world.ok(["exec", box, "pgrep -x sleep || echo none"])).toBe("none")
  })

  it("leaves its own failures to 125, so that they are not the command's", async () => {
    const missing = await world.run(["exec", "no-such-box", "true"])
    expect(missing.status).toBe(125)
    expect(missing.stderr).toContain("there is no devbox no-such-box")
    expect((await world.run(["exec", box])).status).toBe(125)
    expect((await world.run(["exec", "--no-such-flag", box, "true"])).status).toBe(125)
  })

  it("says what came of it as one JSON value with --json", async () => {
    const outcome = await world.run(["--json", "exec", box, "echo out; echo err >&2; exit 3"])
    expect(outcome.status).toBe(3)
    expect(JSON.parse(outcome.stdout)).toEqual({
      devbox_id: box,
      execution_id: expect.any(String),
      exit_code: 3,
      signal: null,
      failure_reason: null,
      stdout: "out\n",
      stderr: "err\n",
      stdout_truncated: false,
      stderr_truncated: false,
      duration_ms: expect.any(Number)
    })
  })

  it("starts a command and leaves it to itself with --detach", async () => {
    const id = await world.ok(["exec", "-d", box, "echo late > late; sleep 1000"])
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(await world.ok(["exec", box, "until [ -s late ]; do :; done; cat late"])).toBe("late")
    await world.ok(["exec", box, "pkill", "-x", "sleep"])
  })

  it("shows all of a detached command's output, to the end that the command comes to", async () => {
    const id = await world.ok([
      "exec",
      "-d",
      box,
      "echo first; until [ -e go ]; do sleep 0.05; done; echo last; exit 3"
    ])
    const following = world.ok(["logs", "-f", box, id])
    expect(await world.ok(["info", box])).not.toContain("failure")
    await world.ok(["exec", box, "touch go"])
    expect(await following).toBe("first\nlast")
    const ends = (await world.ok(["--json", "logs", box]))
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly cmd_id?: string; readonly exit_code?: number })
      .filter((entry) => entry.cmd_id === id && entry.exit_code !== undefined)
    expect(ends.map((entry) => entry.exit_code)).toEqual([3])
  })
})
