/**
 * The list must be able to fail: in a devbox that does not isolate, asked for by name, most attempts have to succeed. What
 * such a devbox happens to refuse is printed.
 */
import { expect, it } from "vitest"
import { attempts } from "./attempts.ts"
import { useStage } from "./suite.ts"
import { type Outcome, table, tryOut } from "./tryOut.ts"

const stage = useStage()
const leaky = useStage({ create: { minimumIsolation: "process" }, backend: { tier: "process" }, reuse: true })

it("catches a devbox that does not isolate in most attempts", async () => {
  expect(leaky().tier).toBe("process")
  const outcomes: Array<Outcome> = []
  for (const attempt of attempts) outcomes.push(await tryOut(attempt, stage().scene, leaky().inside))
  const made = outcomes.filter(({ verdict }) => verdict !== "not run")
  console.log(`\n${table("the mutant: devboxes of the process tier", made)}\n`)
  const caught = made.filter(({ verdict }) => verdict === "escaped")
  expect(made.length).toBeGreaterThanOrEqual(30)
  expect(caught.length / made.length).toBeGreaterThan(0.75)
})
