/** What a benchmark ran on, and how busy that was. */
import { cpus, loadavg, release, totalmem, type } from "node:os"

/** The machine as a reader needs to know it. */
export interface Machine {
  readonly system: string
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  readonly node: string
}

/** This machine. */
export const machine = (): Machine => ({
  system: `${type()} ${release().split("-")[0]}`,
  processor: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version
})

/** The load of the last minute, and a warning when it disturbs the numbers. */
export const load = (): { readonly average: number; readonly text: string } => {
  const average = loadavg()[0] ?? 0
  const busy = average > cpus().length / 4 ? ": NOT QUIET, something else uses this machine" : ""
  return { average, text: `load average ${average.toFixed(2)} on ${cpus().length} cores${busy}` }
}
