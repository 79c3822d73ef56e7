/** Several owners on one state directory at once; afterwards nothing of any of them may be left. */
import { LocalBackend } from "@effect-devbox/node"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { disorder } from "../crash/order.ts"

/** What came of it. */
export interface Report {
  readonly sessions: number
  readonly steps: Readonly<Record<string, number>>
  readonly problems: ReadonlyArray<string>
}

/** Runs so many owners for so long. */
export const together = async (
  stateDir: string,
  options: { readonly owners: number; readonly seconds: number; readonly seed: number }
): Promise<Report> => {
  const reports = await Promise.all(
    Array.from({ length: options.owners }, async (_, n): Promise<Report> => {
      const args = [join(import.meta.dirname, "owner.ts"), stateDir, String(options.seed + n), String(options.seconds)]
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
      const [said] = await Promise.all([text(child.stdout), once(child, "close")])
      if (said === "") return { sessions: 0, steps: {}, problems: [`owner ${n} ended with ${child.exitCode}`] }
      return JSON.parse(said) as Report
    })
  )
  const steps: Record<string, number> = {}
  for (const report of reports) {
    for (const [name, count] of Object.entries(report.steps)) steps[name] = (steps[name] ?? 0) + count
  }
  await Effect.runPromise(LocalBackend.gc(stateDir))
  return {
    sessions: reports.reduce((sum, report) => sum + report.sessions, 0),
    steps,
    problems: [
      ...reports.flatMap((report, n) => report.problems.map((each) => `owner ${n}: ${each}`)),
      ...disorder(stateDir)
    ]
  }
}
