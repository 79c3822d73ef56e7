/** What a process holds on to: heap after a collection, open descriptors, what keeps it alive. */
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

/** Open descriptors where the system shows them, and the timers, sockets and the like that keep the process alive. */
export const held = (): { readonly descriptors: number; readonly resources: number } => {
  let descriptors = 0
  try {
    descriptors = readdirSync("/proc/self/fd").length
  } catch {
    // Only Linux shows them.
  }
  return { descriptors, resources: process.getActiveResourcesInfo().length }
}

/** Whether numbers stay where they are: the last third is not above the first by more than a tenth and two megabytes. */
export const isFlat = (samples: ReadonlyArray<number>): boolean => {
  const third = Math.max(1, Math.floor(samples.length / 3))
  const median = (some: ReadonlyArray<number>) => some.toSorted((a, b) => a - b)[some.length >> 1] ?? 0
  return median(samples.slice(-third)) <= median(samples.slice(0, third)) * 1.1 + 2
}
