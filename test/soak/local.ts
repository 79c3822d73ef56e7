/**
 * The long forms of `test/node/local/soak.test.ts`: `node test/soak/local.ts [crash|writes|owners]… [--count n] [--minutes n]
 * [--seed n]`. Without a name all are run, each in a state directory of its own that is removed. Prints what was done and found, and
 * ends with 1 when anything was found that should not be.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { percentile } from "../bench/stats.ts"
import { rounds } from "./crash/rounds.ts"
import { together } from "./owners/together.ts"
import { snapshots } from "./writes/snapshots.ts"

const failures: Array<string> = []
const expect = (holds: boolean, what: string): void => {
  if (!holds) failures.push(what)
}
const say = (line: string): void => console.log(line)

const inFolder = async <A>(use: (dir: string) => Promise<A>): Promise<A> => {
  const dir = mkdtempSync(join(process.env["DEVBOX_TEST_DIR"] ?? "/var/tmp", "devbox-soak-"))
  chmodSync(dir, 0o755)
  try {
    return await use(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 })
  }
}

/** Kills owners at random moments. */
const crash = async (count: number, seed: number): Promise<void> => {
  const report = await inFolder((dir) => rounds(dir, { rounds: count, seed, say }))
  say(
    `crash: ${count} kills, in ${JSON.stringify(report.kills)}; ${report.holdersKilled} holders killed too; ${report.used} acknowledged snapshots used; ${report.problems.length} problems`
  )
  for (const problem of report.problems.slice(0, 20)) say(`  ${problem}`)
  expect(report.problems.length === 0, "crash: in order after each kill")
}

/** Snapshots while programs write. */
const writes = async (count: number): Promise<void> => {
  const report = await inFolder((dir) => snapshots(dir, { snapshots: count, copies: Math.ceil(count / 5), say }))
  say(
    `writes: ${count} snapshots ${JSON.stringify(report.methods)}, ${count - report.inconsistent.length} of ${count} consistent; devbox stood still for ${percentile(report.pausedMs, 0.5).toFixed(1)} ms (p50), ${percentile(report.pausedMs, 0.95).toFixed(1)} ms (p95)`
  )
  say(
    `writes: of ${report.control.copies} copies that made nobody stand still, the same checker refused ${report.control.inconsistent}`
  )
  for (const problem of report.inconsistent.slice(0, 20)) say(`  ${problem}`)
  expect(report.inconsistent.length === 0, "writes: every snapshot is consistent")
}

/** Two owners of one state directory. */
const owners = async (minutes: number, seed: number): Promise<void> => {
  const report = await inFolder((dir) => together(dir, { owners: 2, seconds: minutes * 60, seed }))
  const steps = Object.values(report.steps).reduce((sum, count) => sum + count, 0)
  say(
    `owners: two for ${minutes} minutes, ${report.sessions} openings, ${steps} steps ${JSON.stringify(report.steps)}, ${report.problems.length} problems`
  )
  for (const problem of report.problems.slice(0, 20)) say(`  ${problem}`)
  expect(report.problems.length === 0, "owners: neither touches the other's")
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string" },
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "2026" }
  }
})
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name)
const seed = Number(values.seed)

if (wanted("writes")) await writes(Number(values.count ?? 100))
if (wanted("owners")) await owners(Number(values.minutes), seed)
if (wanted("crash")) await crash(Number(values.count ?? 200), seed)
say(failures.length === 0 ? "all well" : `FAILED: ${failures.join(", ")}`)
process.exitCode = failures.length === 0 ? 0 : 1
