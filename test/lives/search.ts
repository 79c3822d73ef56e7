/** Leads many lives from seeds, and shows the shortest form of the first that diverges. */
import type { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { DevboxLeaks, type DevboxService } from "@effect-devbox/core"
import { Effect, type Layer } from "effect"
import { type Divergence, live, type Setting } from "./drive.ts"
import { format, type Operation, sequence, type Variety } from "./operations.ts"
import { shrink } from "./shrink.ts"

/** What to search. */
export interface Search<E> {
  readonly from: number
  readonly count: number
  readonly length: number
  readonly variety: Variety
  readonly setting: Setting
  /** Built afresh for every life, or given once for all. */
  readonly layer: Layer.Layer<DevboxService | DevboxBackend, E>
}

/** A life that went another way than the model says. */
export interface Found {
  readonly seed: number
  readonly operations: ReadonlyArray<Operation>
  readonly divergence: Divergence
}

/** How many lives were led, how many operations, and the first that diverged. */
export interface Result {
  readonly lives: number
  readonly operations: number
  readonly found: Found | undefined
}

/** A divergence as a person reads it. */
export const explain = ({ divergence, operations, seed }: Found): string =>
  [
    `seed ${seed}, ${operations.length} operations:`,
    ...operations.map((each, index) => `${index === divergence.step ? ">" : " "} ${format(each)}`),
    `expected: ${divergence.expected}`,
    `actual:   ${divergence.actual}`
  ].join("\n")

/** Searches until a life diverges. */
export const search = <E>({ count, from, layer, length, setting, variety }: Search<E>): Effect.Effect<Result, E> =>
  Effect.gen(function* () {
    const lead = (operations: ReadonlyArray<Operation>) =>
      live(operations, setting).pipe(
        Effect.provide(layer),
        Effect.provideService(DevboxLeaks.DevboxLeaks, { report: () => Effect.void })
      )
    let operations = 0
    for (let seed = from; seed < from + count; seed++) {
      const life = sequence(seed, length, variety)
      operations += life.length
      const divergence = yield* lead(life)
      if (divergence !== undefined) {
        const shortest = yield* shrink(life, divergence, lead)
        const found = { seed, operations: shortest.sequence, divergence: shortest.failure }
        return { lives: seed - from + 1, operations, found }
      }
    }
    return { lives: count, operations, found: undefined }
  })
