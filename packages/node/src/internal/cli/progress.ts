/** A bar for people who wait, drawn on stderr when that is a terminal and gone when it is over. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { bytes, isLively, styles } from "./out.ts"

/** Told how far it is. */
export type Progress = (done: number, total?: number) => void

const barWidth = 16

const bar = (share: number): string => {
  const full = Math.round(share * barWidth)
  return `[${"#".repeat(full)}${"-".repeat(barWidth - full)}] ${String(Math.floor(share * 100)).padStart(3)}%`
}

const everyMillis = 80
const clear = "\r\x1b[2K"

/** A bar with a label, until the scope closes. Where nobody looks, or `quiet`, nothing is drawn. */
export const progress = (label: string, quiet: boolean): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.gen(function* () {
    if (quiet || !isLively("stderr")) return () => {}
    const { cyan, dim } = styles("stderr")
    const began = performance.now()
    let drawn = -Infinity
    yield* Effect.addFinalizer(() => Effect.sync(() => drawn > -Infinity && process.stderr.write(clear)))
    return (done: number, total?: number): void => {
      const now = performance.now()
      if (now - drawn < everyMillis) return
      drawn = now
      const rate = dim(`${bytes(Math.round(done / Math.max(0.001, (now - began) / 1000)))}/s`)
      const known = total !== undefined && total > 0
      const how = known ? `${cyan(bar(Math.min(1, done / total)))} ${bytes(done)} of ${bytes(total)}` : bytes(done)
      // A terminal that nobody gave a size says 0.
      const room = Math.max(8, (process.stderr.columns || 80) - 58)
      const name = label.length > room ? `…${label.slice(1 - room)}` : label
      process.stderr.write(`${clear}${name} ${how} ${rate}`)
    }
  })
