/** Each example runs as a user runs it, prints what it promises, and leaves nothing behind. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { describe, expect, it } from "vitest"
import { findLeaks } from "../tools/findLeaks.ts"

const folder = path.resolve(import.meta.dirname, "../../examples")

/** What must be among the lines that each prints, in this order. */
const promised: Readonly<Record<string, ReadonlyArray<RegExp>>> = {
  "01-scoped-devbox.ts": [/^exit status 0: hello from user on devbox$/, /^now it is: shutdown$/],
  "02-many-devboxes.ts": [
    /^4 devboxes in .+, 0 left behind$/,
    /^fail xs\.toSorted\(\) gives \[1,10,9\]$/,
    /^fail xs\.reverse\(\) gives \[1,10,9\]$/,
    /^pass xs\.sort\(\(a, b\) => a - b\) gives \[1,9,10\]$/,
    /^fail Math\.max\(\.\.\.xs\) gives 10$/
  ],
  "03-streams-and-stdin.ts": [
    /link$/,
    /^exit status 0$/,
    /^sorted: 2 9 10$/,
    /^the shell remembers: .*\/project test$/
  ],
  "04-snapshot-and-fork.ts": [
    /^branch: the color of the house is red$/,
    /^branch: the hue of the house is red$/,
    /^branch: the colour of the house is blue$/,
    /^trunk: {2}the colour of the house is red$/,
    /^later: {2}the colour of the house is red$/
  ],
  "05-service-fixture.ts": [/^ {2}"a": 1$/, /^exit status 1$/],
  "07-serve-and-connect.ts": [/^exit status 4: hello from another client$/],
  "08-ssh-and-tunnel.ts": [
    /^through the tunnel: <h1>hello from inside<\/h1>$/,
    /^without a tunnel: status 404$/,
    /^by ssh: user on devbox$/
  ],
  "09-errors-and-retry.ts": [
    /^exit status 3: no such luck$/,
    /^notes\.txt: NotFound$/,
    /^WaitTimeout after the command was ended$/,
    /^worked at try 3$/,
    /^the local backend does not have gateways$/
  ]
}

/** Driven below, or by `pnpm test`, in their own ways. */
const elsewhere = ["06-in-tests.test.ts", "10-agent-tools.ts", "11-after-a-crash.ts"]

/** A state folder of its own that must hold nothing when the example is over. */
const withState = async <A>(use: (env: NodeJS.ProcessEnv) => Promise<A>): Promise<A> => {
  const dir = fs.mkdtempSync(path.join(process.env["DEVBOX_TEST_DIR"] ?? "/var/tmp", "devbox-example-"))
  fs.chmodSync(dir, 0o755)
  try {
    const value = await use({ ...process.env, EFFECT_DEVBOX_STATE_DIR: dir })
    expect(findLeaks({ stateDir: dir }).filter(({ kind }) => kind !== "directory")).toEqual([])
    expect(fs.readdirSync(path.join(dir, "boxes"))).toEqual([])
    return value
  } finally {
    fs.rmSync(dir, { recursive: true, force: true, maxRetries: 10 })
  }
}

const run = async (file: string, env: NodeJS.ProcessEnv) => {
  const child = spawn(process.execPath, [path.join(folder, file)], { env, stdio: ["ignore", "pipe", "pipe"] })
  let said = ""
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, "close")) as [number | null]
  return { code, said }
}

describe("the examples", () => {
  it("are all known here", () => {
    const files = fs.readdirSync(folder).filter((name) => /^\d/.test(name))
    expect(files).toEqual([...Object.keys(promised), ...elsewhere].sort())
  })

  for (const [file, lines] of Object.entries(promised)) {
    it(`${file} prints what it promises`, { timeout: 120_000 }, () =>
      withState(async (env) => {
        const { code, said } = await run(file, env)
        expect({ code, said }).toMatchObject({ code: 0 })
        let rest = said.split("\n")
        for (const line of lines) {
          const at = rest.findIndex((printed) => line.test(printed))
          expect(at === -1 ? `${line} is not among ${JSON.stringify(rest)}` : "among them").toBe("among them")
          rest = rest.slice(at + 1)
        }
      })
    )
  }

  it("11-after-a-crash.ts takes up the work of a run that was killed", { timeout: 120_000 }, () =>
    withState(async (env) => {
      const killed = await run("11-after-a-crash.ts", { ...env, CRASH_AT: "step 2" })
      expect(killed.code).toBe(null)
      expect(killed.said).toContain("step 1")
      expect(killed.said).not.toContain("step 2")
      const { code, said } = await run("11-after-a-crash.ts", env)
      expect({ code, said }).toMatchObject({ code: 0 })
      expect(said.trim().split("\n")).toEqual([
        "found the devbox of the run before",
        "step 1",
        "step 2",
        "step 3",
        "3 steps, exit status 0"
      ])
    })
  )

  it("10-agent-tools.ts serves an MCP client that nobody here wrote", { timeout: 120_000 }, () =>
    withState(async (env) => {
      const client = new Client({ name: "test", version: "1.0.0" })
      const defined = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
      await client.connect(
        new StdioClientTransport({
          command: process.execPath,
          args: [path.join(folder, "10-agent-tools.ts")],
          env: Object.fromEntries(defined) as Record<string, string>
        })
      )
      const call = async (name: string, args: Record<string, unknown>) => {
        const { isError, structuredContent } = await client.callTool({ name, arguments: args })
        return { isError: isError === true, ...(structuredContent as object) }
      }
      try {
        const { tools } = await client.listTools()
        expect(tools.map(({ name }) => name)).toEqual([
          "run_command",
          "read_file",
          "write_file",
          "list_files",
          "search_files"
        ])
        const source = "export const add = (a, b) => a - b\n"
        expect(await call("write_file", { path: "app/src/add.js", contents: source })).toMatchObject({
          bytes: source.length
        })
        expect(await call("list_files", { path: "app", depth: 2 })).toMatchObject({ files: ["src/", "src/add.js"] })
        expect(await call("search_files", { path: "app", pattern: "a - b" })).toMatchObject({
          matches: [{ path: "app/src/add.js", line: 1 }],
          truncated: false
        })
        expect(await call("run_command", { command: "cd app && sed -i 's/a - b/a + b/' src/add.js; exit 3" })).toEqual({
          isError: false,
          exitCode: 3,
          stdout: "",
          stderr: "",
          truncated: false
        })
        expect(await call("read_file", { path: "app/src/add.js" })).toMatchObject({
          text: "export const add = (a, b) => a + b",
          totalLines: 1
        })
        expect(await call("search_files", { path: "app", pattern: "nowhere" })).toMatchObject({ matches: [] })
        const missing = await client.callTool({ name: "read_file", arguments: { path: "none" } })
        expect(missing.isError).toBe(true)
        expect(JSON.stringify(missing.content)).toContain("NotFound")
        const slow = await client.callTool({
          name: "run_command",
          arguments: { command: "sleep 1000", timeoutSeconds: 1 }
        })
        expect(slow.isError).toBe(true)
      } finally {
        await client.close()
      }
    })
  )
})
