/** Runs the loads on a backend and says in words what came of them; a line that is not as it must be is a failure. */
import type { DevboxService } from "@effect-devbox/core"
import type { CreateOptions } from "@effect-devbox/core/DevboxHandle"
import { Effect } from "effect"
import { barePipe, burst, flood, interruptions } from "./programs.ts"

/** How much of each. */
export interface Load {
  readonly gigabytes: number
  readonly interruptions: number
  readonly commands: number
  readonly devboxes: number
}

/** What must be shown. */
export const full: Load = { gigabytes: 1, interruptions: 200, commands: 1000, devboxes: 50 }

/** A line about a load, and whether all was well. */
export interface Line {
  readonly text: string
  readonly well: boolean
}

/** How much memory a flood may take above what was there before, in MiB. */
const flat = 64

/** Everything on the service that is provided. */
export const loads = (
  name: string,
  load: Load,
  options: CreateOptions = {}
): Effect.Effect<ReadonlyArray<Line>, unknown, DevboxService> =>
  Effect.gen(function* () {
    const lines: Array<Line> = []
    const bytes = Math.round(load.gigabytes * 1e9)
    const pipe = yield* barePipe(bytes)
    const seen = yield* flood(bytes, options)
    lines.push({
      text: `${name}: ${seen.bytes} of ${bytes} bytes of stdout at ${seen.megabytesPerSecond.toFixed(0)} MB/s, a bare pipe ${pipe.toFixed(0)} MB/s; memory ${seen.before.toFixed(0)} MiB before, ${seen.idle.toFixed(0)} after the first 64 MiB, ${seen.peak.toFixed(0)} at most; first wrong byte: ${seen.wrong ?? "none"}`,
      well: seen.bytes === bytes && seen.wrong === undefined && seen.peak - seen.idle <= flat
    })
    const ended = yield* interruptions(load.interruptions, options)
    lines.push({
      text: `${name}: ${ended.interrupted} interrupted commands with clinging children, ${ended.survivors} processes survived`,
      well: ended.survivors === 0
    })
    for (const [devboxes, each] of [
      [1, load.commands],
      [load.devboxes, 20]
    ] as const) {
      const { commands, lost, p50, p99, seconds, wrong } = yield* burst(devboxes, each, options)
      lines.push({
        text: `${name}: ${commands} commands at once on ${devboxes} devboxes in ${seconds.toFixed(2)} s, ${lost} lost, ${wrong} wrong, p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
        well: lost === 0 && wrong === 0
      })
    }
    return lines
  })
