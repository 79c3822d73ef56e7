/**
 * The long forms of what the fast suite samples: `pnpm soak
 * [fleet|localFleet|cycles|localCycles|lives|sweep|chaos|lost|fuzz|kill|output|loads]… [--minutes n] [--program word] [--lives n]`.
 * Without a name all are run; `--program` sweeps those whose name has the word in it, `--lives` says how many random lives are led on
 * this machine. Prints what was done and found, and ends with 1 when anything was found that should not be. What it printed last is in
 * `results.md`.
 */
import { DevboxService } from "@effect-devbox/core"
import * as DevboxFleet from "@effect-devbox/core/DevboxFleet"
import { ChaosBackend, MemoryBackend, Sweep, VirtualTime } from "@effect-devbox/core/testing"
import { Duration, Effect, Layer } from "effect"
import { parseArgs } from "node:util"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { programs, subject } from "../core/sweepPrograms.ts"
import { searchLocal } from "../lives/local.ts"
import { atOnce, slowly } from "../lives/memory.ts"
import { explain, type Result, search } from "../lives/search.ts"
import { leftovers, local, stateDir } from "../node/local/fixtures.ts"
import { format as formatLost } from "../wire/lostCreates.ts"
import { lostCreatesOverSockets } from "../wire/lostCreatesSockets.ts"
import { format as formatFuzz, fuzz, isFlat as isServerFlat } from "../node/server/fuzz/run.ts"
import { format as formatKills, killAgainAndAgain } from "../node/server/kill/run.ts"
import { local as onThisMachine, throughServer } from "../load/backends.ts"
import { full, loads } from "../load/report.ts"
import { draw, judge } from "../wire/outputTrial.ts"
import { emptyAccount, layer as workload, round } from "./chaosWorkload.ts"
import { type Course, countingFibers, heapMb, held, makeSamples } from "./measure.ts"

const failures: Array<string> = []
const expect = (holds: boolean, what: string): void => {
  if (!holds) failures.push(what)
}
const say = (line: string): void => console.log(line)
const mb = (size: number): string => `${size.toFixed(1)} MB`
const flatness = ({ isFlat, kbPerStep }: Course, step: string): string =>
  `${kbPerStep.toFixed(2)} kB a ${step}, flat ${isFlat}`

/** Every step of every program, before and within; then with every answer lost, at every point. */
const sweep = (word: string) =>
  Effect.gen(function* () {
    let points = 0
    let runs = 0
    const names = (Object.keys(programs) as Array<keyof typeof programs>).filter((name) => name.includes(word))
    for (const name of names) {
      for (const options of [
        { passes: ["interrupt", "fail"] as const },
        { passes: ["failAndInterrupt"] as const, at: "everyPoint" as const }
      ]) {
        const report = yield* Sweep.measure({ name, ...subject(programs[name]), ...options })
        say(Sweep.format(report))
        for (const problem of report.problems.slice(0, 5)) say(`  ${Sweep.formatProblem(problem)}`)
        points += report.points
        runs += report.runs.interrupt + report.runs.fail + report.runs.failAndInterrupt
        expect(report.problems.length === 0, `sweep of ${name}`)
      }
    }
    say(`sweep: ${points} distinct (operation, point) pairs in ${names.length} programs, ${runs} runs`)
  })

/** Users on a backend on which everything goes wrong, for as long as asked; one world, so that what stays is seen. */
const chaos = (minutes: number) =>
  Effect.gen(function* () {
    const account = emptyAccount()
    const until = performance.now() + minutes * 60_000
    const heap = makeSamples()
    const fibers: Array<number> = []
    let rounds = 0
    let left = 0
    let nextSample = 0
    const work = Effect.gen(function* () {
      while (performance.now() < until) {
        const { boxes, leaks, snapshots } = yield* round(account, 10, 12)
        left += boxes + snapshots + leaks.filter(({ id }) => !id.startsWith("with create id")).length
        rounds += 1
        if (performance.now() < nextSample) continue
        heap.take(rounds)
        fibers.push(held().fibers)
        nextSample = performance.now() + Math.max(1000, (minutes * 60_000) / 30)
      }
      return yield* (yield* ChaosBackend.Control).counts
    })
    const config = { ...ChaosBackend.moderate, seed: 2026 }
    const counts = yield* VirtualTime.run(Effect.provide(work, workload(config)).pipe(countingFibers), {
      limit: Duration.infinity
    })
    const faults = Object.values(counts).reduce((sum, count) => sum + count, 0)
    say(
      `chaos: ${minutes} minutes, ${rounds} rounds, ${account.devboxes} devboxes, ${faults} faults ${JSON.stringify(counts)}`
    )
    say(`chaos: safe calls ${account.safe}, failed ${account.safeFailed.length}`)
    say(
      `chaos: other calls ${account.unsafe}, failed in doubt ${account.explained}, unexplained ${account.unexplained.length}`
    )
    say(`chaos: bytes compared ${account.bytes}, wrong ${account.wrongBytes.length}; left behind ${left}`)
    say(`chaos: heap after collections ${heap.shown()} MB; ${flatness(heap.course(), "round")}`)
    say(`chaos: fibers between rounds ${fibers[0]}, at the end ${fibers.at(-1)}`)
    for (const line of [...account.safeFailed, ...account.unexplained, ...account.wrongBytes].slice(0, 20))
      say(`  ${line}`)
    expect(account.safeFailed.length === 0, "chaos: safe calls succeed")
    expect(account.unexplained.length === 0, "chaos: no failure without an explanation")
    expect(account.wrongBytes.length === 0, "chaos: bytes")
    expect(left === 0, "chaos: nothing left")
    expect(heap.course().isFlat, "chaos: heap is flat")
    expect((fibers.at(-1) ?? 0) <= (fibers[0] ?? 0), "chaos: no fiber stays")
  })

const memory = () => DevboxService.layer.pipe(Layer.provideMerge(MemoryBackend.layerControl({ remembered: 100 })))

/** Create, exec, shutdown, over and over; nothing may stay. */
const cycling = (name: string, count: number, batch: number) =>
  Effect.gen(function* () {
    const once = Effect.scoped(
      Effect.flatMap(
        DevboxService.use((devboxes) => devboxes.create()),
        (devbox) => devbox.cmd.exec("echo hello")
      )
    )
    const some = Effect.repeat(once, { times: batch - 1 })
    // What is loaded and opened once is no leak.
    yield* some
    const before = held()
    const heap = makeSamples()
    heap.take(0)
    const began = performance.now()
    for (let done = 0; done < count; done += batch) {
      yield* some
      heap.take(done + batch)
    }
    const seconds = (performance.now() - began) / 1000
    const backend = yield* DevboxBackend
    const left = (yield* backend.list({ limit: 1000 })).items.filter(
      ({ status }) => status !== "shutdown" && status !== "failure"
    )
    const after = held()
    say(
      `${name}: ${count} in ${seconds.toFixed(0)} s (${(count / seconds).toFixed(0)} a second), fibers ${before.fibers} to ${after.fibers}, descriptors ${before.descriptors} to ${after.descriptors}, resources ${before.resources} to ${after.resources}, devboxes left ${left.length}`
    )
    say(`${name}: heap after collections ${heap.shown()} MB; ${flatness(heap.course(), "cycle")}`)
    expect(heap.course().isFlat, `${name}: heap is flat`)
    expect(left.length === 0, `${name}: nothing left`)
    expect(
      after.fibers <= before.fibers && after.descriptors <= before.descriptors && after.resources <= before.resources,
      `${name}: nothing held`
    )
  })

const cycles = (count: number) => cycling("cycles", count, 1000).pipe(Effect.provide(memory()), countingFibers)

/** The same on this machine; and when the backend is gone no process, mount or folder is left. */
const localCycles = (count: number) =>
  Effect.gen(function* () {
    const dir = yield* stateDir
    yield* cycling("local cycles", count, 50).pipe(Effect.provide(local(dir)), countingFibers)
    const left = leftovers(dir)
    say(`local cycles: left on the machine ${left.length}`)
    expect(left.length === 0, "local cycles: nothing left on the machine")
  }).pipe(Effect.scoped)

/** Random lives against the model, in memory and on this machine, four at a time there. */
const lives = (count: number) =>
  Effect.gen(function* () {
    const told = (where: string, { found, lives: led, operations }: Result) => {
      say(`lives, ${where}: ${led} sequences, ${operations} operations, divergences ${found === undefined ? 0 : 1}`)
      if (found !== undefined) say(explain(found))
      expect(found === undefined, `lives, ${where}`)
    }
    for (const [where, way] of [
      ["in memory, at once", atOnce],
      ["in memory, step by step", slowly]
    ] as const) {
      const led = search({ from: 1, count: 2000, length: 30, ...way, layer: way.layer() })
      told(where, yield* VirtualTime.run(led, { limit: Duration.infinity }))
    }
    const workers = 4
    yield* Effect.forEach(
      Array.from({ length: workers }, (_, worker) => worker),
      (worker) =>
        Effect.gen(function* () {
          const dir = yield* stateDir
          const share = Math.ceil(count / workers)
          const led = yield* Effect.scoped(searchLocal(dir, { from: 1 + worker * share, count: share, length: 30 }))
          if ("missing" in led) return expect(false, led.missing)
          told(`on this machine, part ${worker + 1} of ${workers}`, led)
          expect(leftovers(dir).length === 0, "lives: nothing left on the machine")
        }).pipe(Effect.scoped),
      { concurrency: workers, discard: true }
    )
  })

/** So many devboxes at a time, each with a command; on this machine nothing may be left there, either. */
const fleet = (name: string, count: number) =>
  Effect.gen(function* () {
    const report = yield* DevboxFleet.all(
      Array.from({ length: count }, (_, i) => i),
      { concurrency: count },
      (devbox, i) => devbox.cmd.execOrFail(`echo ${i}`)
    )
    const backend = yield* DevboxBackend
    const left = (yield* backend.list({ limit: 1000 })).items.filter(
      ({ status }) => status !== "shutdown" && status !== "failure"
    )
    say(
      `${name}: ${report.succeeded} of ${count} devboxes at once in ${Duration.format(report.duration)}, creation median ${Duration.format(report.creation.median)}, leaks ${report.leaks.length}, left ${left.length}, heap ${mb(heapMb())}`
    )
    expect(report.succeeded === count && report.leaks.length === 0 && left.length === 0, name)
  })

const localFleet = (count: number) =>
  Effect.gen(function* () {
    const dir = yield* stateDir
    yield* fleet("local fleet", count).pipe(Effect.provide(local(dir)))
    const left = leftovers(dir)
    say(`local fleet: left on the machine ${left.length}`)
    expect(left.length === 0, "local fleet: nothing left on the machine")
  }).pipe(Effect.scoped)

/** Creates whose answers are lost, over real sockets: the server commits and resets the connection, and its list lags. */
const lost = (runs: number) =>
  Effect.gen(function* () {
    const { fates, report } = yield* lostCreatesOverSockets({ runs, concurrency: 25, seed: 2026, lagMs: 3000 })
    say(`lost creates: ${formatLost(report, fates)}`)
    expect(report.left === 0, "lost creates: nothing left")
    expect(report.unsure <= fates.unreached, "lost creates: everything found that there was")
    expect(fates.lost > runs / 2, "lost creates: answers were lost")
  })

/** A server that is killed while clients work with it. */
const kill = (kills: number) =>
  Effect.gen(function* () {
    const report = yield* Effect.promise(() => killAgainAndAgain(kills, 2026))
    say(`kill: ${formatKills(report)}`)
    expect(report.problems.length === 0, "kill: nothing acknowledged is lost, run twice or left behind")
  })

/** A server that is sent what no client should send. */
const fuzzed = (requests: number) =>
  Effect.gen(function* () {
    const report = yield* Effect.promise(() => fuzz(requests, 2026))
    say(`fuzz: ${formatFuzz(report)}`)
    expect(!report.crashed && report.stderr === "", "fuzz: no crash and nothing unhandled")
    expect(report.faults.length + report.hung.length === 0, "fuzz: every request has an answer that is not our fault")
    expect(isServerFlat(report.heap), "fuzz: memory is flat")
  })
/** Readings of output through broken connections, of up to 50 MB, for as long as asked. */
const output = (minutes: number) =>
  Effect.gen(function* () {
    const until = performance.now() + minutes * 60_000
    const counts = { exact: 0, refused: 0 }
    let bytes = 0
    let largest = 0
    let seed = 100_000
    for (; performance.now() < until; seed++) {
      // Every fiftieth may be as large as can be, and one in five hundred is.
      const drawn = draw(seed, seed % 50 === 0 ? 50_000_000 : 2_000_000)
      const trial = seed % 500 === 0 ? { ...drawn, size: 50_000_000, largestChunk: 65_536 } : drawn
      const verdict = yield* judge(trial)
      if (typeof verdict === "object") expect(false, `output: ${verdict.wrong}: ${JSON.stringify(trial)}`)
      else counts[verdict] += 1
      bytes += trial.size
      largest = Math.max(largest, trial.size)
    }
    say(
      `output: ${seed - 100_000} trials, ${(bytes / 1e6).toFixed(0)} MB, the largest ${(largest / 1e6).toFixed(1)} MB; ${counts.exact} exact, ${counts.refused} refused because bytes were left out`
    )
  })

/** The loads of commands, on this machine and through a server in front of it. */
const onBackends = Effect.scoped(
  Effect.gen(function* () {
    for (const [name, on] of [
      ["local", onThisMachine],
      ["through a server", throughServer]
    ] as const) {
      const dir = yield* stateDir
      for (const { text, well } of yield* loads(name, full).pipe(Effect.provide(on(dir)))) {
        say(`loads: ${text}`)
        expect(well, text)
      }
    }
  })
)

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "10" },
    program: { type: "string", default: "" },
    lives: { type: "string", default: "2000" }
  }
})
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name)

const began = performance.now()
// Ctrl-C ends what was begun, with everything of it on this machine.
const controller = new AbortController()
process.once("SIGINT", () => controller.abort())
await Effect.runPromise(
  Effect.gen(function* () {
    if (wanted("fleet")) yield* fleet("fleet", 1000).pipe(Effect.provide(memory()))
    if (wanted("localFleet")) yield* localFleet(200)
    if (wanted("cycles")) yield* cycles(100_000)
    if (wanted("localCycles")) yield* localCycles(2000)
    if (wanted("lives")) yield* lives(Number(values.lives))
    if (wanted("sweep")) yield* sweep(values.program)
    if (wanted("lost")) yield* lost(500)
    if (wanted("fuzz")) yield* fuzzed(20_000)
    if (wanted("kill")) yield* kill(100)
    if (wanted("loads")) yield* onBackends
    if (wanted("output")) yield* output(Number(values.minutes))
    if (wanted("chaos")) yield* chaos(Number(values.minutes))
  }),
  { signal: controller.signal }
)
say(
  `soak: ${((performance.now() - began) / 60_000).toFixed(1)} minutes, ${failures.length === 0 ? "all well" : "FAILED"}`
)
for (const failure of failures) say(`  ${failure}`)
process.exitCode = failures.length === 0 ? 0 : 1
