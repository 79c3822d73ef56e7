/**
 * Runs the stages of CI one after another, each with a temporary directory of its own that must be empty of processes,
 * mounts, sockets and files afterwards, and prints the summary. Started by `.ci/run`.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  rmdirSync,
  statSync,
  readdirSync,
  existsSync
} from "node:fs"
import { homedir, tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { execFileSync } from "node:child_process"
import { findLeaks } from "../findLeaks.ts"
import { orEmpty } from "../proc.ts"
import type { Failure, Summary } from "../summaryReporter.ts"
import { line, type Outcome, summary, totals } from "./outcome.ts"
import { type Ended, runCommand } from "./runCommand.ts"
import { type Stage, stages } from "./stages.ts"

const root = resolve(import.meta.dirname, "../../..")
const isRoot = process.getuid?.() === 0
/** No account has this id: a user without a name is the harder case, and nothing has to be added to the machine. */
const ordinary = 47_110

/** Short, because the paths of sockets below it are limited to 108 bytes; open to other users, because stages have some. */
const base = mkdtempSync(join(tmpdir(), "devbox-ci-"))
chmodSync(base, 0o755)

let copied: string | undefined
/** A copy of the tree that belongs to the ordinary user; its home is beside it. */
const ordinaryCopy = (): string => {
  if (copied === undefined) {
    copied = join(base, "copy")
    cpSync(root, copied, { recursive: true, verbatimSymlinks: true })
    mkdirSync(join(base, "home"))
    execFileSync("chown", ["-R", `${ordinary}:${ordinary}`, copied, join(base, "home")])
  }
  return copied
}

const cannotRun = (stage: Stage): string | undefined =>
  stage.who !== "caller" && !isRoot ? `it has to be started by root to run as ${stage.who}` : undefined

const asOrdinaryUser = ["setpriv", `--reuid=${ordinary}`, `--regid=${ordinary}`, "--clear-groups"]

const runStage = async (stage: Stage, index: number): Promise<Outcome> => {
  const refused = cannotRun(stage)
  const nothing = { stage, passed: 0, failures: [], skipped: [], tiers: [], seconds: 0 }
  if (refused !== undefined) return { ...nothing, problems: [refused] }
  const asUser = stage.who === "ordinary user"
  const cwd = asUser ? ordinaryCopy() : root
  const temp = join(base, String(index))
  mkdirSync(temp)
  chmodSync(temp, 0o755)
  if (asUser) chownSync(temp, ordinary, ordinary)
  const since = Date.now()
  const ended = await runCommand({
    command: [...(asUser ? asOrdinaryUser : []), ...stage.command],
    cwd,
    env: {
      ...process.env,
      ...(asUser ? { HOME: join(base, "home"), PATH: `${cwd}/node_modules/.bin:/usr/local/bin:/usr/bin:/bin` } : {}),
      TMPDIR: temp,
      XDG_STATE_HOME: join(temp, "state"),
      // Where tests keep their state directories; the default is not on every machine a place for overlays.
      DEVBOX_TEST_DIR: temp,
      // Compilers cache their own code in the temporary directory unless told where else; that is no leak of ours.
      NODE_COMPILE_CACHE: join(base, "compile-cache"),
      EFFECT_DEVBOX_SUMMARY: join(temp, "summary.json"),
      ...stage.env
    },
    minutes: stage.minutes,
    interruptAt: stage.interruptAt
  })
  const counted = readSummary(join(temp, "summary.json"))
  const tests = stage.tests ? counted : undefined
  const problems = [
    ...(ended.problem === undefined ? [] : [ended.problem]),
    // A red run whose failing tests are counted says so by them; any other non-zero exit must not go uncounted.
    ...(ended.code !== 0 && !ended.interrupted && (tests?.failures.length ?? 0) === 0 && stage.tests
      ? [`exit status ${ended.code}`]
      : []),
    ...(stage.tests && counted === undefined ? ["its tests left no summary"] : []),
    ...(stage.tests && tests?.passed === 0 ? ["no test ran"] : []),
    ...(stage.tier !== undefined && tests?.tiers.join(" ") !== stage.tier
      ? [`it must run in the tier ${stage.tier}, and ran in ${tests?.tiers.join(" ") || "none that a test reported"}`]
      : []),
    ...leaksOf(temp, since)
  ]
  const succeeded = ended.code === 0 || ended.interrupted
  return {
    stage,
    passed: stage.tests ? (tests?.passed ?? 0) : succeeded ? 1 : 0,
    failures: tests?.failures ?? (succeeded || stage.tests ? [] : [whole(stage, ended)]),
    skipped: tests?.skipped ?? [],
    tiers: tests?.tiers ?? [],
    seconds: (Date.now() - since) / 1000,
    problems
  }
}

/** A command without tests that failed: what it said last is the best there is. */
const whole = (stage: Stage, ended: Ended): Failure => ({
  test: stage.command.join(" "),
  error: `exit status ${ended.code}; it said last:\n${ended.last}`
})

const readSummary = (path: string): Summary | undefined => {
  if (!existsSync(path)) return undefined
  const read = JSON.parse(readFileSync(path, "utf8")) as Summary
  rmSync(path)
  return read
}

/** Folders that a stage made elsewhere and forgot. */
const forgotten = (since: number): ReadonlyArray<string> =>
  ["/tmp", "/var/tmp", homedir()]
    .flatMap((place) => (existsSync(place) ? readdirSync(place).map((name) => join(place, name)) : []))
    .filter(
      (path) =>
        /devbox|fresh-|leak-check/.test(basename(path)) &&
        path !== base &&
        orEmpty(() => statSync(path).ctimeMs, -1) >= since
    )
    .map((path) => `left behind: ${path}`)

/** On a machine of its own CI also looks for what does not name the stage's directory: variables, groups, other folders. */
const alone = process.env["CI"] === "true"

/** What a stage left in its temporary directory and around; an empty directory is ours to remove. */
const leaksOf = (temp: string, since: number): ReadonlyArray<string> => {
  try {
    rmdirSync(temp)
  } catch {
    // Not empty: it is reported below.
  }
  return [
    ...findLeaks({ stateDir: temp, since: alone ? since : undefined }).map(
      (leak) => `left behind: ${leak.kind} ${leak.what} (${leak.why})`
    ),
    ...(alone ? forgotten(since) : [])
  ]
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !stages.some((stage) => stage.name === name))
if (unknown.length > 0) {
  console.error(`no such stage: ${unknown.join(", ")}; there are: ${stages.map((stage) => stage.name).join(", ")}`)
  process.exit(2)
}

const chosen = stages.filter((stage) => names.length === 0 || names.includes(stage.name))
const outcomes: Array<Outcome> = []
let stopped = false
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => (stopped = true))
try {
  for (const [index, stage] of chosen.entries()) {
    if (stopped) break
    console.log(`\n== ${index + 1}/${chosen.length} ${stage.name} (as ${stage.who})`)
    const outcome = await runStage(stage, index)
    outcomes.push(outcome)
    console.log(line(outcome))
  }
} finally {
  // What was left is reported by now; it must not stay on the machine. Every one of these names our own directory.
  for (const leak of findLeaks({ stateDir: base })) {
    if (leak.kind === "process") execFileSync("sh", ["-c", `kill -9 ${Number.parseInt(leak.what, 10)} || true`])
  }
  execFileSync("chmod", ["-R", "u+rwX", base])
  rmSync(base, { recursive: true, force: true })
}
if (stopped) console.log(`interrupted after ${outcomes.length} of ${chosen.length} stages`)
console.log(summary(outcomes))
process.exitCode = totals(outcomes).failed === 0 && !stopped ? 0 : 1
