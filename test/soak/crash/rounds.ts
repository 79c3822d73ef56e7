/**
 * Kills a process that owns devboxes with SIGKILL at random moments of each phase, and looks at what is left after the next start:
 * nothing without an owner, and every snapshot that was acknowledged usable. In half of the rounds the devbox is detached, and
 * its holder is killed too.
 */
import { DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Stream } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { createInterface } from "node:readline"
import { local } from "../../node/local/fixtures.ts"
import { disorder, unusable } from "./order.ts"
import { type Line, type Phase, phases } from "./phases.ts"
import { random } from "./random.ts"

/** What came of the rounds. */
export interface Report {
  /** In which phase a process died, and in which none was. */
  readonly kills: Readonly<Record<Phase | "between", number>>
  readonly holdersKilled: number
  /** Snapshots that were acknowledged before a kill and used after it. */
  readonly used: number
  readonly problems: ReadonlyArray<string>
}

const killHolders = (stateDir: string): number => {
  const db = new DatabaseSync(join(stateDir, "state.db"), { readOnly: true, timeout: 10_000 })
  const holders = db.prepare("select pid from owners where kind = 'holder' and end_time_ms is null").all()
  db.close()
  return holders.filter(({ pid }) => {
    try {
      return process.kill(Number(pid), "SIGKILL")
    } catch {
      return false
    }
  }).length
}

const victim = (stateDir: string, seed: number, detached: boolean): ChildProcess =>
  spawn(process.execPath, [join(import.meta.dirname, "victim.ts"), stateDir, String(seed), detached ? "yes" : "no"], {
    stdio: ["ignore", "pipe", "inherit"]
  })

/** Deletes what a round kept and ends what it left suspended. */
const clear = (stateDir: string): Promise<void> =>
  Effect.gen(function* () {
    const devboxes = yield* DevboxService
    yield* Stream.runForEach(devboxes.listSnapshots(), ({ id }) => devboxes.deleteSnapshot(id))
    yield* Stream.runForEach(devboxes.list({ status: "suspended" }), ({ id }) => devboxes.shutdown(id))
  }).pipe(Effect.provide(local(stateDir)), Effect.runPromise)

/** Runs so many rounds in a state directory of their own. */
export const rounds = async (
  stateDir: string,
  options: { readonly rounds: number; readonly seed: number; readonly say?: ((line: string) => void) | undefined }
): Promise<Report> => {
  const next = random(options.seed)
  const kills: Record<Phase | "between", number> = {
    create: 0,
    exec: 0,
    snapshot: 0,
    fork: 0,
    suspend: 0,
    delete: 0,
    between: 0
  }
  /** How long a phase takes, learnt on the way. */
  const lasts = new Map<Phase, number>()
  const problems: Array<string> = []
  let used = 0
  let holdersKilled = 0
  for (let round = 0; round < options.rounds; round++) {
    const target = phases.toSorted((a, b) => kills[a] - kills[b])[0]!
    const detached = round % 2 === 1
    const child = victim(stateDir, options.seed * 10_000 + round, detached)
    const kept = new Map<string, string>()
    let phase: Phase | "between" = "between"
    let wait = Math.floor(next() * 2)
    const lines = createInterface({ input: child.stdout! })
    lines.on("line", (text) => {
      const line = JSON.parse(text) as Line
      if ("kept" in line) kept.set(line.kept, line.word)
      else if ("deleting" in line) kept.delete(line.deleting)
      else if ("end" in line) {
        lasts.set(line.end, Math.min(lasts.get(line.end) ?? Infinity, line.ms))
        phase = "between"
      } else {
        phase = line.begin
        // The first create of a round comes before anything can be kept; it is a moment like others.
        if (line.begin !== target || wait-- > 0) return
        const moment = next() * (lasts.get(target) ?? 20)
        setTimeout(() => child.kill("SIGKILL"), moment) // In real time: the moment is what is random.
      }
    })
    const [, signal] = (await Promise.all([once(child, "exit"), once(lines, "close")]))[0] as [unknown, string | null]
    if (signal !== "SIGKILL") problems.push(`round ${round}: the victim ended by itself in ${phase}`)
    kills[phase] += 1
    if (detached) holdersKilled += killHolders(stateDir)
    await Effect.runPromise(LocalBackend.gc(stateDir))
    let left = disorder(stateDir)
    // What was killed a moment ago may still be on its way out of the process table.
    for (let look = 0; left.length > 0 && look < 20; look++) {
      await Effect.runPromise(LocalBackend.gc(stateDir))
      left = disorder(stateDir)
    }
    const broken = await unusable(stateDir, kept)
    used += kept.size
    for (const problem of [...left, ...broken]) problems.push(`round ${round}, killed in ${phase}: ${problem}`)
    await clear(stateDir)
    options.say?.(
      `round ${round}: killed in ${phase}${detached ? " (detached)" : ""}, ${kept.size} snapshots used, ${left.length + broken.length} problems`
    )
  }
  return { kills, holdersKilled, used, problems }
}
