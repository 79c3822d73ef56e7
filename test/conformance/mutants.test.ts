/**
 * The laws are tested before the backends are: each mutant must be rejected by the law it names, by a claim of that law that
 * does not hold. A law that could not find out does not count, and neither does one that rejects what is sound.
 */
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { DevboxLeaks } from "@effect-devbox/core/DevboxLeaks"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import { Laws } from "@effect-devbox/core/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll } from "vitest"
import { echoServer, memory, slow, webServer } from "./memory.ts"
import { backendMutants, type Mutant, serviceMutants } from "./mutants/index.ts"

const layer = (mutant?: Mutant): Layer.Layer<DevboxBackend | DevboxService> => {
  const sound = memory(slow)
  const backend =
    mutant?.backend === undefined
      ? sound
      : Layer.provide(Layer.effect(DevboxBackend, Effect.map(DevboxBackend, mutant.backend)), sound)
  const service = Layer.effect(
    DevboxService,
    Effect.map(Effect.all([DevboxService, DevboxBackend]), ([each, under]) => mutant?.service?.(each, under) ?? each)
  ).pipe(Layer.provide(DevboxService.layer))
  return Layer.provideMerge(service, backend)
}

const laws: ReadonlyMap<string, Laws.ServiceLaw> = new Map<string, Laws.ServiceLaw>(
  [...Laws.backendLaws, ...Laws.serviceLaws].map((law) => [law.id, law])
)
const mutants = [...backendMutants, ...serviceMutants]

describe("the laws themselves", () => {
  it("have ids of their own", () => {
    assert.strictEqual(laws.size, Laws.backendLaws.length + Laws.serviceLaws.length)
  })

  it("are each about something that can be broken: there is a mutant for every law", () => {
    const covered = new Set(mutants.map(({ law }) => law))
    assert.deepStrictEqual(
      [...laws.keys()].filter((id) => !covered.has(id)),
      []
    )
    assert.deepStrictEqual(
      [...covered].filter((id) => !laws.has(id)),
      []
    )
  })

  for (const [id, law] of laws) {
    it.live(`accept what is sound: ${id}`, () =>
      Effect.map(Laws.judgeVirtually(law, layer(), { echoServer, webServer }), (verdict) =>
        assert.strictEqual(verdict._tag, "Holds", JSON.stringify(verdict))
      )
    )
  }
})

describe("a mutant is rejected by the law it names", () => {
  const rejected = new Map<string, number>()
  afterAll(() => {
    const written = new Map<string, number>()
    for (const { law } of mutants) written.set(law, (written.get(law) ?? 0) + 1)
    const all = Array.from(rejected.values()).reduce((sum, count) => sum + count, 0)
    const scores = Array.from(written, ([law, count]) => `${law} ${rejected.get(law) ?? 0}/${count}`)
    console.log(
      `mutation score: ${all} of ${mutants.length} mutants rejected, by ${written.size} laws: ${scores.join(", ")}`
    )
  })

  for (const mutant of mutants) {
    it.live(`${mutant.law}: one that ${mutant.is}`, () =>
      Effect.gen(function* () {
        const law = laws.get(mutant.law)
        if (law === undefined) return assert.fail(`there is no law ${mutant.law}`)
        const verdict = yield* Laws.judgeVirtually(law, layer(mutant), { echoServer, webServer }).pipe(
          // What a mutant leaks is its own business.
          Effect.provideService(DevboxLeaks, { report: () => Effect.void })
        )
        assert.strictEqual(verdict._tag, "Violated", JSON.stringify(verdict))
        rejected.set(mutant.law, (rejected.get(mutant.law) ?? 0) + 1)
      })
    )
  }
})
