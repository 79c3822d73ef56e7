// The box's own process as a line channel: spawns the launcher, reads bounded lines from the agent, and knows when
// everything is gone. It understands no line.
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process"
import * as fs from "node:fs"
import { enterGroups, gated, type GroupPlan, makeGroups, memoryKills, removeGroups } from "./groups.ts"
import { newMark } from "./jobs.ts"
import { launchCommand } from "./launch.ts"
import { Remains } from "./remains.ts"
import type { BoxClosed, BoxSpec } from "./types.ts"

const MAX_LINE = 1024
const STDERR_TAIL = 4096
const STOP_GRACE_MS = 2000

const alive = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

export class BoxChild {
  readonly closed: Promise<BoxClosed>
  readonly #child: ChildProcessWithoutNullStreams
  #stderr = ""
  #buffer = ""
  #exited = false
  #memoryKills = 0
  #inside: number | undefined
  #remains: Remains | undefined
  readonly #isolated: boolean
  readonly #uid: number
  readonly #scripts: string
  readonly #marks: Array<string>

  constructor(spec: BoxSpec, onLine: (line: string) => void, again = false) {
    this.#isolated = spec.report.launcher !== "process"
    this.#uid = spec.report.uid
    this.#scripts = spec.base.scripts
    this.#marks = [newMark()]
    const { argv, ...options } = launchCommand(spec, this.#marks[0]!, again)
    const { dir, groups } = spec
    const [program = "", ...words] = groups === undefined ? argv : gated(spec.report.tools["sh"] ?? "sh", argv)
    if (groups !== undefined) makeGroups(dir, groups)
    // A session of its own: Ctrl-C in a terminal is for the SDK's program, which then closes its boxes in order.
    this.#child = spawn(program, words, { ...options, detached: true, stdio: ["pipe", "pipe", "pipe"] })
    const child = this.#child
    if (groups !== undefined) this.#enter(groups)
    child.stdin.on("error", () => {})
    child.stdout.setEncoding("latin1").on("data", (text: string) => this.#lines(text, onLine))
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL)
    })
    this.closed = new Promise((resolve) => {
      const settle = (code: number | null, signal: string | null): void =>
        void this.#gone()
          .then(() => {
            this.#remains?.close()
            this.#remains = undefined
            this.#memoryKills = memoryKills(groups)
            return groups === undefined ? undefined : removeGroups(dir)
          })
          // The next sweep finds them by their record.
          .catch(() => {})
          .then(() => resolve({ code, signal, stderr: this.#stderr }))
      child.once("error", (error) => {
        this.#exited = true
        this.#stderr += error.message
        settle(null, null)
      })
      child.once("exit", (code, signal) => {
        this.#exited = true
        // In the process tier a stray may hold the pipes; its owner's end does not wait for it.
        const timer = setTimeout(() => settle(code, signal), 100)
        child.once("close", () => {
          clearTimeout(timer)
          settle(code, signal)
        })
      })
    })
  }

  /** How many of its processes the kernel had ended for lack of memory, when all were gone. */
  get memoryKills(): number {
    return this.#memoryKills
  }

  /** A launcher that cannot be bounded is not let in. */
  #enter(groups: GroupPlan): void {
    try {
      enterGroups(groups, this.#child.pid!)
      this.#child.stdin.write("go\n")
    } catch (error) {
      this.#stderr += `it could not be put into its control groups: ${(error as Error).message}`
      this.#child.kill("SIGKILL")
    }
  }

  get stderr(): string {
    return this.#stderr
  }

  get launcherPid(): number | undefined {
    return this.#child.pid
  }

  /** Host pid of the launcher's child, which is pid 1 inside; undefined in the process tier. */
  insidePid(): number | undefined {
    if (!this.#isolated) return undefined
    const pid = this.#child.pid!
    try {
      this.#inside ??= Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")[0]) || undefined
    } catch {
      return undefined
    }
    return this.#inside
  }

  /** What looks for processes in this box from outside, where that is possible. */
  remains(): Remains | undefined {
    const pid = this.#exited ? undefined : this.insidePid()
    try {
      if (pid !== undefined) this.#remains ??= new Remains(pid, this.#uid)
    } catch {
      // Then a process inside searches.
    }
    return this.#remains
  }

  /** Process tier: the processes of an execution belong to this box. */
  adopt(mark: string): void {
    if (this.#isolated) return
    this.#marks.push(mark)
    this.send(`M ${mark}`)
  }

  /** The launcher may end a moment before its box: the kernel lets pid 1 become a zombie after all others are gone. */
  async #gone(): Promise<void> {
    if (!this.#isolated) {
      // The agent has done this, unless it was killed.
      const args = [`${this.#scripts}/kill.sh`, "-", "-", "KILL", this.#marks.join(" "), "0"]
      await new Promise<void>((resolve) => {
        const killer = spawn("/bin/sh", args, { stdio: "ignore" })
        killer.once("error", () => resolve())
        killer.once("exit", () => resolve())
      })
      return
    }
    const until = performance.now() + STOP_GRACE_MS
    while (this.#inside !== undefined && alive(this.#inside) && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  send(line: string): void {
    if (!this.#exited) this.#child.stdin.write(`${line}\n`)
  }

  /** End of file is the request to end; a box that does not follow loses its launcher, and the kernel does the rest. */
  async stop(): Promise<void> {
    this.#child.stdin.end()
    const timer = setTimeout(() => this.kill(), STOP_GRACE_MS)
    await this.closed
    clearTimeout(timer)
  }

  kill(): void {
    const { pid } = this.#child
    if (pid === undefined || this.#exited) return
    try {
      process.kill(-pid, "SIGKILL")
    } catch {
      this.#child.kill("SIGKILL")
    }
  }

  #lines(text: string, onLine: (line: string) => void): void {
    this.#buffer += text
    let from = 0
    for (let end = this.#buffer.indexOf("\n"); end >= 0; end = this.#buffer.indexOf("\n", from)) {
      // The box can write here. Whatever is longer than any line of ours is not ours.
      if (end - from <= MAX_LINE) onLine(this.#buffer.slice(from, end))
      from = end + 1
    }
    this.#buffer = this.#buffer.slice(from)
    if (this.#buffer.length > MAX_LINE) this.#buffer = "\0".repeat(MAX_LINE + 1)
  }
}
