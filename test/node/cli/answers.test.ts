/** What the program answers: help, versions, completions, JSON, errors and their statuses. */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { afterAll, describe, expect, it, vi } from "vitest"
import { World } from "./devbox.ts"

// Each run is a process of its own, and a busy machine takes its time for many.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const world = new World()
afterAll(() => world.end())

const commands =
  "create list info rm suspend resume keep-alive snapshot fork exec shell run cp logs ssh ssh-key tunnel serve doctor gc".split(
    " "
  )
const nested = [
  ...["create", "list", "rm"].map((verb) => ["snapshot", verb]),
  ["serve", "keys"],
  ...["add", "list", "revoke"].map((verb) => ["serve", "keys", verb])
]

const json = async (...args: ReadonlyArray<string>) => JSON.parse(await world.ok(["--json", ...args])) as unknown

const devbox = {
  id: expect.stringMatching(/^dbx_/),
  status: "running",
  create_time_ms: expect.any(Number),
  launch_parameters: expect.any(Object),
  metadata: expect.any(Object),
  capabilities: expect.any(Array),
  state_transitions: expect.any(Array)
}

describe("help", () => {
  it("is what it was", { timeout: 120_000 }, async () => {
    const pages = [[], ...commands.map((verb) => [verb]), ...nested]
    const texts: Array<string> = []
    for (const page of pages) {
      texts.push(`$ devbox ${[...page, "--help"].join(" ")}\n\n${await world.ok([...page, "--help"])}\n`)
    }
    await expect(texts.join("\n")).toMatchFileSnapshot("help.txt")
    console.log(`help: ${pages.length} texts compared`)
  })

  it("has an example for every command", async () => {
    for (const verb of commands.filter((one) => one !== "snapshot")) {
      expect(await world.ok([verb, "--help"])).toContain("EXAMPLES")
    }
  })

  it("is shown by the program without a command", async () => {
    const outcome = await world.run([])
    expect(outcome.status).toBe(0)
    expect(outcome.stdout).toContain("devbox <subcommand> [flags]")
  })

  it("names the version, at once", async () => {
    const times: Array<number> = []
    for (let round = 0; round < 5; round++) {
      const began = performance.now()
      expect(await world.ok(["--version"])).toMatch(/^devbox \d+\.\d+\.\d+/)
      times.push(performance.now() - began)
    }
    console.log(`devbox --version: ${Math.round(Math.min(...times))} ms at best of ${times.length}`)
  })
})

describe("completions", () => {
  it("load in bash and know commands, flags and choices", async () => {
    const script = path.join(world.root, "completions.bash")
    writeFileSync(script, await world.ok(["--completions", "bash"]))
    const complete = (...words: ReadonlyArray<string>) => {
      const line = `source ${script}
        COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
        COMP_LINE="\${COMP_WORDS[*]}"; COMP_POINT=\${#COMP_LINE}; COMP_TYPE=9
        $(complete -p devbox | sed 's/.*-F \\([^ ]*\\).*/\\1/') devbox '${words.at(-1)}' '${words.at(-2)}'
        printf '%s\\n' "\${COMPREPLY[@]}"`
      const { status, stderr, stdout } = spawnSync("bash", ["--norc", "-c", line], { encoding: "utf8" })
      expect([status, stderr]).toEqual([0, ""])
      return stdout.trim().split("\n")
    }
    expect(complete("devbox", "sna")).toEqual(["snapshot"])
    expect(complete("devbox", "create", "--net")).toEqual(["--network"])
    expect(complete("devbox", "create", "--network", "no")).toEqual(["none"])
  })

  it("are there for other shells", async () => {
    for (const shell of ["zsh", "fish", "powershell"]) {
      expect((await world.ok(["--completions", shell])).length).toBeGreaterThan(1000)
    }
  })
})

describe("--json", () => {
  it("has one stable shape for each answer", async () => {
    const made = (await json("create", "--name", "shapes", "-m", "team=x")) as { readonly id: string }
    expect(made).toMatchObject({ ...devbox, name: "shapes", metadata: { team: "x" } })
    expect(await json("info", "shapes")).toMatchObject(devbox)
    expect(await json("list", "-m", "team=x")).toEqual([expect.objectContaining({ ...devbox, id: made.id })])
    expect(await json("list", "-m", "team=y")).toEqual([])
    expect(await json("keep-alive", "shapes")).toEqual({ id: made.id })
    expect(await json("exec", "-d", "shapes", "true")).toEqual({ devbox_id: made.id, execution_id: expect.any(String) })
    const lines = (await world.ok(["--json", "logs", "shapes"])).split("\n").map((line) => JSON.parse(line) as unknown)
    expect(lines[0]).toMatchObject({ level: "info", source: "exec", timestamp_ms: expect.any(Number), cmd: "true" })
    expect(await json("doctor")).toMatchObject({
      backend: "local",
      isolated: true,
      launcher: expect.any(String),
      probes: expect.any(Array),
      create_ms: expect.any(Number),
      tools: expect.objectContaining({ bash: true, node: true }),
      features: expect.arrayContaining(["stdin"]),
      limits: {
        memory: expect.any(String),
        cpu: expect.any(String),
        pids: expect.any(String),
        disk: expect.any(String)
      },
      networks: expect.any(Array)
    })
    expect(await json("gc")).toEqual({ ended: [], suspended: [], removed: [], snapshots: [] })
    expect(await json("rm", "shapes")).toEqual([expect.objectContaining({ id: made.id, status: "shutdown" })])
    expect(await json("list")).toEqual([])
    expect(await json("list", "--all", "-m", "team=x")).toEqual([
      expect.objectContaining({ id: made.id, status: "shutdown" })
    ])
  })

  it("tells errors on stderr, with tag, message, cause, hint and status", async () => {
    const outcome = await world.run(["info", "nobody", "--json"])
    expect([outcome.status, outcome.stdout]).toEqual([3, ""])
    expect(JSON.parse(outcome.stderr)).toEqual({
      error: {
        tag: "ResourceNotFound",
        message: "there is no devbox nobody",
        cause: null,
        hint: expect.stringContaining("devbox list --all"),
        exit_code: 3
      }
    })
    const usage = await world.run(["--json", "list", "--colour"])
    expect(JSON.parse(usage.stderr)).toMatchObject({ error: { tag: "UsageError", exit_code: 2 } })
  })
})

describe("errors", () => {
  it("suggest what was meant", async () => {
    expect((await world.run(["lst"])).stderr).toContain("list")
    expect(await world.run(["list", "--stat", "running"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("--status")
    })
  })

  it("have a status for each kind", async () => {
    const status = async (...args: ReadonlyArray<string>) => (await world.run(args)).status
    expect(await status("info", "nobody")).toBe(3)
    expect(await status("list", "--backend", "nonsense")).toBe(2)
    expect(await status("list", "--backend", "http://127.0.0.1:9")).toBe(7)
    expect(await status("list", "--backend", "runloop")).toBe(2)
    expect(await status("create", "--keep-alive", "soon")).toBe(2)
    expect(await status("create", "--blueprint", "none")).toBeGreaterThan(1)
    const box = await world.create()
    await world.ok(["rm", box])
    expect(await status("keep-alive", box)).toBe(4)
    expect(await status("exec", box, "true")).toBe(125)
  })

  it("say how to reach a server that does not answer, and never the key", async () => {
    const outcome = await world.run(["list", "--backend", "http://127.0.0.1:9"], {
      env: { EFFECT_DEVBOX_API_KEY: "a-secret-key" }
    })
    expect(outcome.stderr).toContain("hint: See that the server runs")
    expect(outcome.stderr + outcome.stdout).not.toContain("a-secret-key")
  })

  it("name the setting that is missing or wrong, and say nothing of schemas", async () => {
    expect((await world.run(["list", "--backend", "runloop"])).stderr).toBe(
      "devbox: RUNLOOP_API_KEY is not set\n  hint: Set it in the environment: export RUNLOOP_API_KEY=…\n"
    )
    const wrong = await world.run(["list"], { env: { EFFECT_DEVBOX_MINIMUM_ISOLATION: "some" } })
    expect(wrong.status).toBe(2)
    expect(wrong.stderr).toContain("devbox: EFFECT_DEVBOX_MINIMUM_ISOLATION is not as it has to be\n")
    expect(wrong.stderr).toContain('cause: Expected "isolated"')
  })

  it("name the devboxes that a beginning could mean", async () => {
    const ids = [await world.create("--name", "twin"), await world.create("--name", "twin")]
    const outcome = await world.run(["info", "twin"])
    expect(outcome.status).toBe(2)
    for (const id of ids) expect(outcome.stderr).toContain(id)
    await world.ok(["rm", ...ids])
  })

  it("tell when this machine cannot isolate, what probe failed and what cures it", async (ctx) => {
    if (process.getuid?.() !== 0) ctx.skip("only root's devboxes run as somebody else, whom a closed folder keeps out")
    const closed = path.join(world.root, "closed")
    mkdirSync(closed, { mode: 0o700 })
    const how = { env: { EFFECT_DEVBOX_STATE_DIR: path.join(closed, "state") } }
    const outcome = await world.run(["create"], how)
    expect([outcome.status, outcome.stderr]).toEqual([6, expect.stringMatching(/hint: [^]*devbox doctor/)])
    const doctor = await world.run(["doctor"], how)
    expect([doctor.status, doctor.stdout]).toEqual([6, expect.stringContaining("to get more (state-dir)")])
  })
})
