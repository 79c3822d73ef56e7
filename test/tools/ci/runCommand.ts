/**
 * Runs one command with its output passed through, a deadline, and on request an interrupt as Ctrl-C sends it: to the whole
 * process group. It knows nothing of stages.
 */
import { spawn } from "node:child_process"

/** What to run. */
export interface CommandOptions {
  readonly command: ReadonlyArray<string>
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly minutes: number
  /** Interrupt when this was printed. */
  readonly interruptAt?: string | undefined
}

/** How it ended. */
export interface Ended {
  readonly code: number
  /** An interrupt was sent and the command then ended by itself in time. */
  readonly interrupted: boolean
  /** The last lines of its output. */
  readonly last: string
  readonly problem?: string
}

/** How long an interrupted command may take to clean up. */
const graceMs = 20_000

const tailLength = 2000
const lastLines = (tail: string): string =>
  tail
    .split("\n")
    .filter((text) => text.trim() !== "")
    .slice(-5)
    .join("\n")

/** Runs the command to its end; whatever is left of its process group at the deadline is killed. */
export const runCommand = (options: CommandOptions): Promise<Ended> =>
  new Promise((done) => {
    const [program = "", ...args] = options.command
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"]
    })
    let printed = ""
    let interrupted = false
    let problem: string | undefined
    const signal = (name: NodeJS.Signals) => {
      try {
        process.kill(-(child.pid ?? 0), name)
      } catch {
        // The group is gone already.
      }
    }
    const killAfter = (ms: number, why: string) =>
      // A deadline in real time: CI has no other clock.
      setTimeout(() => {
        problem = why
        signal("SIGKILL")
      }, ms)
    const timers = [killAfter(options.minutes * 60_000, `not finished within ${options.minutes} minutes; killed`)]
    let tail = ""
    const watch = (chunk: Buffer) => {
      process.stdout.write(chunk)
      tail = (tail + chunk.toString("utf8")).slice(-tailLength)
      if (options.interruptAt === undefined || interrupted) return
      printed += chunk.toString("utf8")
      if (!printed.includes(options.interruptAt)) return
      interrupted = true
      console.log(`(interrupting at "${options.interruptAt}")`)
      signal("SIGINT")
      timers.push(killAfter(graceMs, `still running ${graceMs / 1000} s after the interrupt; killed`))
    }
    child.stdout.on("data", watch)
    child.stderr.on("data", watch)
    // Ctrl-C of the whole run reaches a stage only through us, since each has a process group of its own.
    const forward = () => {
      signal("SIGINT")
      timers.push(killAfter(graceMs, "CI was interrupted, and this did not end by itself; killed"))
    }
    process.once("SIGINT", forward)
    process.once("SIGTERM", forward)
    const end = (code: number, why: string | undefined) => {
      child.stdout.destroy()
      child.stderr.destroy()
      process.off("SIGINT", forward)
      process.off("SIGTERM", forward)
      for (const timer of timers) clearTimeout(timer)
      const missed =
        options.interruptAt !== undefined && !interrupted ? "it ended before it could be interrupted" : undefined
      const said = problem ?? why ?? missed
      done({
        code,
        interrupted: interrupted && problem === undefined,
        last: lastLines(tail),
        ...(said === undefined ? {} : { problem: said })
      })
    }
    child.on("error", (error) => end(127, String(error)))
    let ended = false
    const close = (code: number | null, killedBy: NodeJS.Signals | null, why?: string) => {
      if (ended) return
      ended = true
      end(code ?? 1, why ?? (code === null && !interrupted ? `ended by ${killedBy}` : undefined))
    }
    child.on("close", (code, killedBy) => close(code, killedBy))
    child.on("exit", (code, killedBy) => {
      // A process that outlives the command keeps its pipes open; without this, CI would wait for it until the deadline.
      const held = "something it started still holds its output"
      // Again a deadline in real time.
      timers.push(setTimeout(() => close(code, killedBy, held), 3000))
    })
  })
