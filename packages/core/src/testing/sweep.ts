/**
 * The interruption sweep: runs a program once to find every point at which it can be suspended, then once more for each, and
 * interrupts it there; in a second pass every call of the backend fails in turn. After each run nothing may be left: no
 * devbox, command, tunnel or snapshot. Time is virtual and jumps to the next timer whenever everything waits. It needs no test
 * runner and must not be told what the program does.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { DevboxBackend } from "../DevboxBackend.ts"
import type { Leak } from "../DevboxLeaks.ts"
import { DevboxService } from "../DevboxService.ts"
import type { Fault, Kind } from "../internal/chaos/plan.ts"
import type { Operation } from "../internal/intercept.ts"
import { format as formatLiving, type Living } from "../internal/leftovers.ts"
import { type Outcome, runOnce, type Subject } from "../internal/sweep/run.ts"

export type { Living } from "../internal/leftovers.ts"

/** What is done to the program at its points. */
export type Pass =
  /** It is interrupted before and within every step. */
  | "interrupt"
  /** Each call of the backend fails, in every way there is. */
  | "fail"
  /** The answer of each call is lost, and the program is interrupted at every step after that. Long. */
  | "failAndInterrupt"

/** What to sweep. */
export interface Options<A, E, ROut, LE> {
  /** The name in the report. */
  readonly name: string
  /** What is run. It must clean up after itself; its scope is closed after it. */
  readonly program: Effect.Effect<A, E, ROut | DevboxService | Scope.Scope>
  /** The backend, and whatever else the program needs. It is built afresh for every run; what it creates is no leftover. */
  readonly layer: Layer.Layer<ROut | DevboxBackend, LE>
  /** Default `DevboxService.layer`. */
  readonly service?: Layer.Layer<DevboxService, never, DevboxBackend> | undefined
  /** Default `interrupt` and `fail`. */
  readonly passes?: ReadonlyArray<Pass> | undefined
  /** Ids that a run which succeeded may leave, because the program gave them to its caller. */
  readonly keeps?: ((value: A) => ReadonlyArray<string>) | undefined
  /** Every step (the default), or each point only the first time it is reached, which a loop makes a great deal less. */
  readonly at?: "everyStep" | "everyPoint" | undefined
  /** Only every so many-th of them, by turns before and within the step. Default 1: all, before and within. */
  readonly stride?: number | undefined
}

/** A run after which something was left, or that did not end. */
export interface Problem {
  readonly pass: Pass
  /** What was going on, as `span · call · step`. */
  readonly point: string
  /** What was done there. */
  readonly deed: string
  readonly outcome: "leftovers" | "hung"
  readonly leftovers: ReadonlyArray<Living>
  /** Whether the leak was at least reported. */
  readonly reported: ReadonlyArray<Leak>
}

/** What a sweep did and found. */
export interface Report {
  readonly name: string
  /** How many steps the undisturbed program takes. */
  readonly steps: number
  /** How many calls of the backend it makes. */
  readonly calls: number
  /** How often the program was run, by pass. */
  readonly runs: Readonly<Record<Pass, number>>
  /** Distinct (operation, point) pairs at which it was interrupted or failed. A place that is reached again counts once. */
  readonly points: number
  /** How many of the interruptions had to wait for the end of an uninterruptible region. */
  readonly deferred: number
  readonly problems: ReadonlyArray<Problem>
}

/** A line about a problem. */
export const formatProblem = (problem: Problem): string =>
  `${problem.deed} at ${problem.point}: ${
    problem.outcome === "hung" ? "the program did not end" : `left ${problem.leftovers.map(formatLiving).join(", ")}`
  }${problem.reported.length === 0 ? "" : " (reported as a leak)"}`

/** A line about a sweep. */
export const format = (report: Report): string =>
  `${report.name}: ${report.points} points of ${report.steps} steps and ${report.calls} calls; interrupted ${
    report.runs.interrupt + report.runs.failAndInterrupt
  } times (${report.deferred} deferred), failed ${report.runs.fail} times; problems ${report.problems.length}`

/** The sweep found leftovers, or could not be made. */
export class SweepFailed extends Schema.TaggedError<SweepFailed>()("SweepFailed", {
  name: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `The sweep of "${this.name}" failed: ${this.detail}`
  }
}

/** What finds or ends something: where a backend refuses these for good, nobody can clean up. */
const finding: ReadonlySet<Operation> = new Set<Operation>(["list", "listSnapshots"])
const ending: ReadonlySet<Operation> = new Set<Operation>(["shutdown", "kill", "deleteSnapshot"])
const streams: ReadonlySet<Operation> = new Set<Operation>(["output", "download", "notices"])

const kinds = (operation: Operation): ReadonlyArray<Kind> => {
  if (operation === "output") return ["reject", "refuse", "cut", "quietCut"]
  if (streams.has(operation)) return ["reject", "refuse", "cut"]
  if (finding.has(operation)) return ["refuse", "drop", "loseReply"]
  if (ending.has(operation)) return ["refuse", "drop", "loseReply", "garble"]
  return ["reject", "refuse", "drop", "loseReply", "garble"]
}

const hows = ["before", "within"] as const

/**
 * Sweeps a program; fails when anything was left by any run.
 *
 * **Example** (Nothing of mine is left, wherever it is stopped)
 *
 * ```ts
 * it.live("cleans up wherever it is stopped", () =>
 *   Sweep.sweep({ name: "build", program: build, layer: MemoryBackend.layer({ commands }) })
 * )
 * ```
 *
 * **Gotchas**
 *
 * What a program is given to keep (a snapshot, a detached devbox or command) is its own to clean up from the moment it has it:
 * take it with `Effect.acquireRelease(…, …, { interruptible: true })`.
 */
export const sweep = <A, E, ROut, LE>(options: Options<A, E, ROut, LE>): Effect.Effect<Report, SweepFailed> =>
  Effect.flatMap(measure(options), (report) =>
    report.problems.length === 0
      ? Effect.succeed(report)
      : Effect.fail(
          new SweepFailed({
            name: report.name,
            detail: [
              `${report.problems.length} of its runs left something`,
              ...report.problems.slice(0, 10).map(formatProblem)
            ].join("\n  ")
          })
        )
  )

/** Sweeps a program and gives the report, whatever was found. */
export const measure = <A, E, ROut, LE>(options: Options<A, E, ROut, LE>): Effect.Effect<Report, SweepFailed> =>
  Effect.tryPromise({
    try: () => sweeping(options),
    catch: (error) =>
      new SweepFailed({ name: options.name, detail: error instanceof Error ? error.message : String(error) })
  })

const sweeping = async <A, E, ROut, LE>(options: Options<A, E, ROut, LE>): Promise<Report> => {
  const passes = options.passes ?? ["interrupt", "fail"]
  const stride = options.stride ?? 1
  const subject: Subject<A, E, ROut, LE> = {
    program: options.program,
    layer: options.layer,
    service: options.service ?? DevboxService.layer,
    keeps: options.keeps ?? (() => [])
  }
  const points = new Set<string>()
  const problems: Array<Problem> = []
  const runs = { interrupt: 0, fail: 0, failAndInterrupt: 0 }
  let deferred = 0

  const judge = (pass: Pass, deed: string, point: string, { exit, leaks, left }: Outcome<A, E>): void => {
    runs[pass] += 1
    points.add(point)
    if (exit !== "stuck" && left.length === 0) return
    const outcome = exit === "stuck" ? "hung" : "leftovers"
    problems.push({ pass, point, deed, outcome, leftovers: left, reported: leaks })
  }

  const interruptAll = async (
    pass: Pass,
    run: Outcome<A, E>,
    from: number,
    script: ReadonlyArray<Fault>,
    prefix: string
  ) => {
    const known = new Set<string>()
    let place = 0
    for (const [index, point] of run.meter.points.entries()) {
      if (index + 1 < from || (options.at === "everyPoint" && known.has(point))) continue
      known.add(point)
      if (++place % stride !== 0) continue
      for (const how of stride === 1 ? hows : [hows[(place / stride) % 2]!]) {
        const outcome = await runOnce(subject, { step: index + 1, how }, script)
        const struck = outcome.meter.struck()
        if (struck?.point !== point) {
          throw new Error(
            `it is not the same every time: step ${index + 1} was ${point}, then ${struck?.point ?? "not reached"}`
          )
        }
        if (struck.masked) deferred += 1
        judge(pass, `${prefix}interrupted ${how} the step`, point, outcome)
      }
    }
  }

  const clean = await runOnce(subject)
  if (clean.exit === "stuck") throw new Error("undisturbed, it does not end")
  if (Exit.isFailure(clean.exit)) throw new Error(`undisturbed, it fails: ${Cause.pretty(clean.exit.cause)}`)
  if (clean.left.length > 0) throw new Error(`undisturbed, it leaves ${clean.left.map(formatLiving).join(", ")}`)
  const steps = clean.meter.steps()

  if (passes.includes("interrupt")) await interruptAll("interrupt", clean, 1, [], "")
  for (const { call, operation, span } of passes.includes("fail") ? clean.calls : []) {
    for (const kind of kinds(operation)) {
      const outcome = await runOnce(subject, undefined, [{ operation, call, kind, amount: 0 }])
      judge("fail", `failed by ${kind}`, `${span} · ${operation} · ${kind}`, outcome)
    }
  }
  for (const { call, operation, step } of passes.includes("failAndInterrupt") ? clean.calls : []) {
    if (streams.has(operation)) continue
    const script: ReadonlyArray<Fault> = [{ operation, call, kind: "loseReply" }]
    const disturbed = await runOnce(subject, undefined, script)
    await interruptAll("failAndInterrupt", disturbed, step, script, `${operation} ${call} lost its answer, then `)
  }
  return { name: options.name, steps, calls: clean.calls.length, runs, points: points.size, deferred, problems }
}
