/**
 * Many callers create devboxes on a server that commits and then drops the answer, or is never reached, and whose list shows a
 * devbox only after a while. Some callers wait, some give up at a time of their own. Afterwards no devbox may be left. The server is
 * either in the same process or behind sockets that are reset; who calls this says which.
 */
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import * as DevboxLeaks from "@effect-devbox/core/DevboxLeaks"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { Clock, Effect, Exit, Layer } from "effect"
import { dice } from "../../packages/core/src/internal/chaos/random.ts"

/** What becomes of one create's request: its answer arrives, it is done and its answer is lost, or it never arrives. */
export type Fate = "answered" | "lost" | "unreached"

/** The fates of the creates that a server is asked for, in order, and how many there were of each. */
export const makeFates = (seed: number) => {
  const random = dice(seed, "fate of a create")
  const counts: Record<Fate, number> = { answered: 0, lost: 0, unreached: 0 }
  return {
    counts,
    next: (): Fate => {
      const drawn = random()
      const fate = drawn < 0.8 ? "lost" : drawn < 0.9 ? "unreached" : "answered"
      counts[fate] += 1
      return fate
    }
  }
}

/** A memory backend whose list shows a devbox only when it is as old as chance says. */
export const layerLagging = (seed: number, lagMs: number): Layer.Layer<DevboxBackend | MemoryBackend.Control> =>
  Layer.effect(
    DevboxBackend,
    Effect.map(DevboxBackend, (backend) => ({
      ...backend,
      list: (query: Parameters<typeof backend.list>[0]) =>
        Effect.flatMap(backend.list(query), (page) =>
          Effect.map(Clock.currentTimeMillis, (now) => ({
            ...page,
            items: page.items.filter(({ createTimeMs, id }) => now - createTimeMs >= dice(seed, id)() * lagMs)
          }))
        )
    }))
  ).pipe(Layer.provideMerge(MemoryBackend.layerControl({ provisioningDelay: "100 millis", remembered: 50 })))

/** What came of it. */
export interface Report {
  readonly runs: number
  /** Callers who got a devbox, and those who gave up or failed. */
  readonly given: number
  readonly interrupted: number
  readonly failed: number
  readonly left: number
  /** Searches that ended without finding anything, which is right for requests that never arrived. */
  readonly unsure: number
}

/** Runs so many callers, at most `concurrency` at a time, and counts. */
export const lostCreates = (options: {
  readonly runs: number
  readonly concurrency: number
  readonly seed: number
  /** Callers who give up do so within this time. */
  readonly patienceMs: number
}): Effect.Effect<Report, never, DevboxService | MemoryBackend.Control> =>
  Effect.gen(function* () {
    const service = yield* DevboxService
    const counts = { given: 0, interrupted: 0, failed: 0 }
    const one = (run: number) =>
      Effect.gen(function* () {
        const random = dice(options.seed, `caller ${run}`)
        const [detached, givesUp] = [random() < 0.5, random() < 0.4]
        const used = detached
          ? Effect.acquireUseRelease(
              service.createDetached(),
              (devbox) => devbox.cmd.exec("echo hello"),
              (devbox) => Effect.ignore(devbox.shutdown())
            )
          : Effect.scoped(Effect.flatMap(service.create(), (devbox) => devbox.cmd.exec("echo hello")))
        const exit = yield* Effect.exit(
          givesUp ? Effect.timeoutOption(used, random() * options.patienceMs) : Effect.asSome(used)
        )
        if (Exit.isFailure(exit)) counts.failed += 1
        else counts[exit.value._tag === "Some" ? "given" : "interrupted"] += 1
      })
    const runs = Array.from({ length: options.runs }, (_, run) => run)
    const { leaks } = yield* DevboxLeaks.collect(
      Effect.forEach(runs, one, { concurrency: options.concurrency, discard: true })
    )
    const left = yield* (yield* MemoryBackend.Control).devboxes
    return { runs: options.runs, ...counts, left: left.length, unsure: leaks.length }
  })

/** The report as a sentence. */
export const format = (report: Report, { lost, unreached }: Readonly<Record<Fate, number>>): string =>
  `${report.runs} runs: ${lost} answers lost after the devbox was there, ${unreached} requests that never arrived; ` +
  `${report.given} callers got their devbox, ${report.interrupted} gave up, ${report.failed} failed; ` +
  `${report.left} devboxes left, ${report.unsure} searches without a find`
