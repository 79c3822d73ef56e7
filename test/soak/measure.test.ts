/** The measures of the soak find out what they are for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { dice } from "../../packages/core/src/internal/chaos/random.ts"
import { countingFibers, course, held } from "./measure.ts"

const rounds = 40
/** Samples that go up and down by chance, with so much added in each step, and a start that is lower than the rest. */
const samples = (seed: number, kbPerStep: number) => {
  const roll = dice(seed, "heap")
  return Array.from({ length: rounds }, (_, step) => ({
    step,
    mb: (step < 4 ? 30 : 40) + roll() * 1.5 + (step * kbPerStep) / 1024
  }))
}
const seeds = Array.from({ length: 100 }, (_, seed) => seed)

describe("the course of a heap", () => {
  it("is flat when it only goes up and down, and after a start", () => {
    for (const seed of seeds) assert.isTrue(course(samples(seed, 0)).isFlat, `seed ${seed}`)
  })

  it("is not flat when each step adds a little, which it says", () => {
    for (const seed of seeds) {
      const { isFlat, kbPerStep } = course(samples(seed, 200))
      assert.isFalse(isFlat, `seed ${seed}`)
      assert.closeTo(kbPerStep, 200, 40)
    }
  })

  it("is not flat when nobody looked often enough", () => assert.isFalse(course(samples(1, 0).slice(0, 4)).isFlat))
})

describe("what is held", () => {
  it.effect("counts the fibers that are left running", () =>
    Effect.gen(function* () {
      const before = held().fibers
      const fiber = yield* Effect.forkDetach(Effect.never)
      yield* Effect.yieldNow
      assert.strictEqual(held().fibers, before + 1)
      fiber.interruptUnsafe()
      yield* Effect.yieldNow
      assert.strictEqual(held().fibers, before)
    }).pipe(countingFibers)
  )
})
