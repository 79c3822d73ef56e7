/** A process of the host that is there to be attacked: it holds secrets, answers while it lives, and is always ended. */
import { spawn } from "node:child_process"
import { newSecret } from "./attempt.ts"

/** A planted process. */
export interface Victim {
  readonly pid: number
  /** Stands in its environment as PLANTED. */
  readonly environmentSecret: string
  /** Stands on its command line. */
  readonly argumentSecret: string
  /** Asks it and awaits its answer or its end. */
  readonly isAlive: () => Promise<boolean>
  readonly end: () => Promise<void>
}

/** Starts a process in a group of its own, working in a directory. */
export const startVictim = (cwd: string): Victim => {
  const environmentSecret = newSecret()
  const argumentSecret = newSecret()
  const child = spawn("bash", ["-c", 'while read -r line; do echo "$line"; done', argumentSecret], {
    cwd,
    env: { PATH: process.env["PATH"], PLANTED: environmentSecret },
    detached: true,
    stdio: ["pipe", "pipe", "ignore"]
  })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  // Writing to one that was killed is how its end may be noticed.
  child.stdin.on("error", () => {})
  if (child.pid === undefined) throw new Error("bash could not be started on the host")
  return {
    pid: child.pid,
    environmentSecret,
    argumentSecret,
    isAlive: () =>
      Promise.race([
        ended.then(() => false),
        new Promise<boolean>((resolve) => {
          child.stdout.once("data", () => resolve(true))
          child.stdin.write("there?\n")
        })
      ]),
    end: async () => {
      child.kill("SIGKILL")
      await ended
    }
  }
}
