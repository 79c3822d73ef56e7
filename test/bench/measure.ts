/** Repeating things and taking their time. Things that are compared take turns, so that both see the same machine. */
import { summarise, type Summary } from "./stats.ts"

/** Something that takes time; what it gives is its time in milliseconds when it measures itself, else the call is measured. */
export type Measured = () => Promise<number | void>

const time = async (measured: Measured): Promise<number> => {
  const begun = performance.now()
  const own = await measured()
  return own ?? performance.now() - begun
}

/** Takes turns, after a warm-up whose times are dropped. */
export const interleaved = async <K extends string>(
  rounds: { readonly warmUp: number; readonly n: number },
  things: Readonly<Record<K, Measured>>
): Promise<Record<K, Summary>> => {
  const names = Object.keys(things) as Array<K>
  const samples = Object.fromEntries(names.map((name) => [name, [] as Array<number>])) as Record<K, Array<number>>
  for (let round = -rounds.warmUp; round < rounds.n; round++) {
    // Whoever comes first in a round may find colder caches: the order turns round by round.
    const order = names.map((_, index) => names[(index + Math.abs(round)) % names.length] as K)
    for (const name of order) {
      const ms = await time(things[name])
      if (round >= 0) samples[name].push(ms)
    }
  }
  return Object.fromEntries(names.map((name) => [name, summarise(samples[name])])) as Record<K, Summary>
}

/** One thing alone. */
export const repeated = async (
  rounds: { readonly warmUp: number; readonly n: number },
  thing: Measured
): Promise<Summary> => (await interleaved(rounds, { thing })).thing
