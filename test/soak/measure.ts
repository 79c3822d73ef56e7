/** What a process holds on to: heap after a collection, fibers, open descriptors, what keeps it alive. */
import { Effect, Metric } from "effect"
import { readdirSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Megabytes of heap in use after a full collection. */
export const heapMb = (): number => {
  collect()
  collect()
  return process.memoryUsage().heapUsed / 1024 / 1024
}

let fibers = 0
/** Counts the fibers of an effect, and of whatever is built or started in it. */
export const countingFibers = Effect.provideService(Metric.FiberRuntimeMetrics, {
  recordFiberStart: () => void (fibers += 1),
  recordFiberEnd: () => void (fibers -= 1)
})

/** Fibers that run, open descriptors where the system shows them, and the timers, sockets and the like that keep the process alive. */
export interface Held {
  readonly fibers: number
  readonly descriptors: number
  readonly resources: number
}

/** What is held now. */
export const held = (): Held => {
  let descriptors = 0
  try {
    descriptors = readdirSync("/proc/self/fd").length
  } catch {
    // Only Linux shows them.
  }
  return { fibers, descriptors, resources: process.getActiveResourcesInfo().length }
}

/** How a size went while something was done. */
export interface Course {
  /** What one step added, in kilobytes: the median of the slopes between all pairs of samples, which no outlier moves. */
  readonly kbPerStep: number
  readonly isFlat: boolean
}

const median = (some: ReadonlyArray<number>): number => some.toSorted((a, b) => a - b)[some.length >> 1] ?? 0

/** The course of megabytes by steps done. The first fifth is left out: what is loaded, compiled and filled once is no leak. */
export const course = (samples: ReadonlyArray<{ readonly step: number; readonly mb: number }>): Course => {
  const settled = samples.slice(Math.floor(samples.length / 5))
  const slopes = settled.flatMap((a, i) =>
    settled.slice(i + 1).flatMap((b) => (b.step === a.step ? [] : [(b.mb - a.mb) / (b.step - a.step)]))
  )
  const slope = median(slopes)
  const steps = (settled.at(-1)?.step ?? 0) - (settled[0]?.step ?? 0)
  // Collections leave a little more or less behind, whatever is done.
  const noise = 1 + median(settled.map(({ mb }) => mb)) * 0.05
  return { kbPerStep: slope * 1024, isFlat: settled.length >= 5 && slope * steps <= noise }
}

/** One sample after another, without what was loaded first. */
export const makeSamples = () => {
  const samples: Array<{ readonly step: number; readonly mb: number }> = []
  return {
    take: (step: number) => void samples.push({ step, mb: heapMb() }),
    course: () => course(samples),
    /** Some twenty of them, the last among them. */
    shown: () => {
      const every = Math.ceil(samples.length / 20)
      const some = samples.filter((_, index) => (samples.length - 1 - index) % every === 0)
      return some.map(({ mb }) => mb.toFixed(0)).join(" ")
    }
  }
}
