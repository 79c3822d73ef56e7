/** The program in a terminal: what a person sees and types. */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { randomBytes } from "node:crypto"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { bin, quote, World } from "./devbox.ts"

// Each run is a process of its own, and a busy machine takes its time for many.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const world = new World()
let box = ""
beforeAll(async () => {
  box = await world.create("--name", "screen-box")
})
afterAll(() => world.end())

const running = (name: string) => world.ok(["exec", "-n", box, `pgrep -x ${name} || echo none`])
const loop = "while :; do sleep 0.05; done"
const escape = "\u001b["

describe("Ctrl-C", () => {
  it("goes to the command, which may do with it what it wants", async () => {
    const screen = world.screen(["exec", box, `trap 'echo got it; exit 42' INT; echo ready; ${loop}`])
    await screen.until("ready")
    screen.type("\u0003")
    await screen.until("got it")
    expect(await screen.ended).toBe(42)
  })

  it("ends a command that says nothing about it, with the status of a local one", async () => {
    const screen = world.screen(["exec", box, "echo ready; sleep 1000"])
    await screen.until("ready")
    screen.type("\u0003")
    expect(await screen.ended).toBe(130)
    expect(await running("sleep")).toBe("none")
  })

  it("reaches a command that was given no input, too", async () => {
    const screen = world.screen(["exec", "-n", box, "echo ready; sleep 1000"])
    await screen.until("ready")
    screen.type("\u0003")
    expect(await screen.ended).toBe(130)
    expect(await running("sleep")).toBe("none")
  })

  it("ends a command that does not listen when it comes twice", async () => {
    const screen = world.screen(["exec", box, `trap 'echo no' INT; echo ready; ${loop}`])
    await screen.until("ready")
    screen.type("\u0003")
    await screen.until("no")
    screen.type("\u0003")
    expect(await screen.ended).toBe(137)
    expect(await running("sleep")).toBe("none")
  })

  it("leaves nothing of a run: no command, no devbox", async () => {
    const screen = world.screen(["run", "--no-upload", "--name", "gone", "--", "echo ready; sleep 1000"])
    await screen.until("ready")
    expect(await world.ok(["list"])).toContain("gone")
    screen.type("\u0003")
    expect(await screen.ended).toBe(130)
    expect(await world.ok(["list"])).not.toContain("gone")
  })

  it("ends the program itself where no command runs inside, and leaves nothing", async () => {
    const folder = path.join(world.root, "large")
    mkdirSync(folder)
    writeFileSync(path.join(folder, "file"), randomBytes(200_000_000))
    const screen = world.screen(["run", "--name", "early", "--", "true"], { cwd: folder })
    await screen.until("%")
    screen.type("\u0003")
    expect(await screen.ended).toBe(130)
    expect(await world.ok(["list"])).not.toContain("early")
  })

  it("ends a loop of a shell, as it does with a local command", async () => {
    const command = [process.execPath, bin, "exec", box, "echo ready; sleep 1000"].map(quote).join(" ")
    const screen = world.terminal(`while :; do ${command}; echo again; done`)
    await screen.until("ready")
    screen.type("\u0003")
    expect(await screen.ended).toBe(130)
    expect(screen.shown()).not.toContain("again")
  })

  it("leaves the settings of the terminal as they were", async () => {
    const command = [process.execPath, bin, "exec", box, "echo ready; sleep 1000"].map(quote).join(" ")
    const screen = world.terminal(
      `trap : INT; before=$(stty -g); ${command}; [ "$before" = "$(stty -g)" ] && echo same`
    )
    await screen.until("ready")
    screen.type("\u0003")
    await screen.until("same")
    await screen.ended
  })
})

describe("a terminal", () => {
  it("gives what is typed to the command, and its end with Ctrl-D", async () => {
    const screen = world.screen(["exec", box, "read line; echo heard: $line; cat; echo over"])
    screen.type("hello\n")
    await screen.until("heard: hello")
    screen.type("more\n")
    await screen.until(/more\r\n[\s\S]*more/)
    screen.type("\u0004")
    await screen.until("over")
    expect(await screen.ended).toBe(0)
  })

  it("shows colours, unless NO_COLOR says not to", async () => {
    const coloured = world.screen(["list"])
    await coloured.ended
    expect(coloured.shown()).toContain(escape)
    const plain = world.screen(["list"], { env: { NO_COLOR: "1" } })
    await plain.ended
    expect(plain.shown()).toContain("screen-box")
    expect(plain.shown()).not.toContain(escape)
    expect(await world.ok(["list"])).not.toContain(escape)
  })

  it("shows errors in colour, and in plain text in a pipe", async () => {
    const screen = world.screen(["info", "nobody"])
    expect(await screen.ended).toBe(3)
    expect(screen.shown()).toContain(escape)
    const outcome = await world.run(["info", "nobody"])
    expect(outcome.status).toBe(3)
    expect(outcome.stdout).toBe("")
    expect(outcome.stderr).toMatchInlineSnapshot(`
      "devbox: there is no devbox nobody
        hint: \`devbox list --all\` shows what there is, here and on other backends with --backend.
      "
    `)
  })

  it("shows how far a copy is, and clears it away", async () => {
    // Longer than a label may be on the narrowest screens: this terminal has no size.
    const file = path.join(world.home, "copied-as-it-is")
    writeFileSync(file, randomBytes(60_000_000))
    const screen = world.screen(["cp", file, `${box}:copied`])
    await screen.until(/copied-as-it-is \S*\[#*-*\] +\d+%/)
    expect(await screen.ended).toBe(0)
    expect(screen.shown()).toContain("1 file, 57.2 MiB")
    const outcome = await world.run(["cp", `${box}:copied`, `${file}-back`])
    expect(outcome).toMatchObject({ status: 0, stdout: "", stderr: "" })
  })
})

describe("a shell", () => {
  it("is a terminal of its own: what is typed is run, Ctrl-C is the shell's, and its status is ours", async () => {
    const screen = world.screen(["shell", box])
    await screen.until("$ ")
    screen.type("tty; echo mark-$((6 * 7))\r")
    await screen.until(/\/dev\/pts\/\d+/)
    await screen.until("mark-42")
    // Said by the command and not by the shell, which may be between two commands when Ctrl-C comes, and keep it to itself.
    screen.type("sh -c 'echo be\"\"gun; exec sleep 1000'\r")
    await screen.until("begun")
    screen.type("\u0003")
    await screen.until("$ ")
    screen.type("exit 9\r")
    expect(await screen.ended).toBe(9)
    expect(await running("sleep")).toBe("none")
  })

  it("has the size of the terminal here, also when it changes", async () => {
    const command = [process.execPath, bin, "shell", box].map(quote).join(" ")
    const screen = world.terminal(`tty; stty rows 33 cols 101; ${command}`)
    await screen.until(/\/dev\/pts\/\d+/)
    const device = /\/dev\/pts\/\d+/.exec(screen.shown())![0]
    await screen.until("$ ")
    screen.type("stty size; echo first\r")
    await screen.until(/33 101\s+first/)
    // The shell runs a trap between two commands, not while it waits for one to be typed, and forgets a signal that comes while
    // its trap runs; rows and columns come as two. So the trap notes that there was one, and the size is looked at repeatedly.
    const looking = '[ -z "$told" ] || stty size'
    screen.type(`trap told=1 WINCH; echo ar""med; until read -t 0.1 line; do ${looking}; done; echo ov""er\r`)
    await screen.until("armed")
    spawnSync("stty", ["-F", device, "rows", "20", "cols", "60"])
    await screen.until("20 60")
    screen.type("\r")
    await screen.until("over")
    screen.type("exit\r")
    await screen.ended
  })

  it("puts the terminal back as it was, also when it is told to end", async () => {
    // Says its process id, then becomes the program.
    const command = `sh -c 'echo "pid=$$"; exec "$@"' sh ${[process.execPath, bin, "shell", box].map(quote).join(" ")}`
    const script = `before=$(stty -g); ${command}; [ "$before" = "$(stty -g)" ] && echo same-as-before`
    const killed = world.terminal(script)
    await killed.until("$ ")
    killed.type("kill -9 $$\r")
    await killed.until("same-as-before")
    await killed.ended
    const told = world.terminal(script)
    await told.until("$ ")
    process.kill(Number(/pid=(\d+)/.exec(told.shown())![1]), "SIGTERM")
    await told.until("same-as-before")
    await told.ended
  })

  it("runs one command in a terminal with exec --tty", async () => {
    const screen = world.screen(["exec", "--tty", box, "sh", "-c", "tty; read word; echo got $word; exit 5"])
    await screen.until(/\/dev\/pts\/\d+/)
    screen.type("it\r")
    await screen.until("got it")
    expect(await screen.ended).toBe(5)
  })

  it("reads what is piped into it", async () => {
    const outcome = await world.run(["shell", box], { input: "echo $((40 + 2))\nexit 3\n" })
    expect([outcome.status, outcome.stdout]).toEqual([3, expect.stringMatching(/[^\d ]42\r\n/)])
  })
})
