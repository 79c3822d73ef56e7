/** Turns attempts into tests, one each, and prints their table. A refusal passes; anything else fails, or says why it was not made. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openStage, type Stage, type StageOptions } from "./stage.ts"
import { type Outcome, table } from "./tryOut.ts"

/** An attempt that knows how to make itself, control included. */
export interface Trial {
  readonly id: string
  readonly title: string
  readonly make: (stage: Stage) => Promise<Outcome>
}

const who = (): string => (process.getuid?.() === 0 ? "root" : `an ordinary user (uid ${process.getuid?.()})`)

/** Opens a stage for the tests of a file; the function gives it once they run. */
export const useStage = (options?: StageOptions): (() => Stage) => {
  let stage: Stage | undefined
  beforeAll(async () => {
    stage = await openStage(options)
  })
  afterAll(() => stage?.close())
  return () => {
    if (stage === undefined) throw new Error("the stage is not open")
    return stage
  }
}

/** A test for each trial. `atLeast` of them must really have been made. */
export const trialSuite = (name: string, trials: ReadonlyArray<Trial>, atLeast: number): void => {
  describe(`making ${name}`, () => {
    const stage = useStage()
    const outcomes: Array<Outcome> = []
    afterAll(() => {
      if (outcomes.length > 0) console.log(`\n${table(`${name}, as ${who()}, tier ${stage().tier}`, outcomes)}\n`)
    })

    for (const trial of trials) {
      it(`refuses a devbox that ${trial.title}`, async (context) => {
        const outcome = await trial.make(stage())
        outcomes.push(outcome)
        if (outcome.verdict === "not run") return context.skip(outcome.detail)
        context.task.meta.isolation = stage().tier
        expect(`${outcome.verdict}: ${outcome.detail}`).toMatch(/^refused: /)
      })
    }

    it(`has made at least ${atLeast} attempts, each of which succeeded outside`, () => {
      const proven = outcomes.filter(({ outside, verdict }) => outside && verdict !== "invalid")
      expect(proven.length).toBeGreaterThanOrEqual(atLeast)
    })
  })
}
