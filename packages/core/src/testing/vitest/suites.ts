/**
 * The laws as suites of vitest: `backendSuite(name, layer)` for whoever writes a backend, `serviceSuite(name, layer)` for the
 * service on it. A law that does not apply is skipped with its reason; a law that could not find out fails.
 */
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { DevboxBackend } from "../../DevboxBackend.ts"
import { DevboxService } from "../../DevboxService.ts"
import { format, leftovers, type Living, look } from "../../internal/leftovers.ts"
import { backendLaws } from "../laws/backend/index.ts"
import { judge, judgeVirtually, type Verdict } from "../laws/judge.ts"
import { type Law, Surroundings } from "../laws/law.ts"
import { serviceLaws } from "../laws/service/index.ts"

/** What came of one law in one suite. */
export interface LawResult {
  readonly law: string
  readonly title: string
  readonly verdict: Verdict
}

/** How a suite runs. */
export interface SuiteOptions {
  /** What the laws are told: what to create devboxes with, how to start an echo server, how long to be patient. */
  readonly surroundings?: Partial<Surroundings> | undefined
  /** Laws that are skipped, by id, with the reason. */
  readonly skip?: Readonly<Record<string, string>> | undefined
  /**
   * `live` (the default): one backend for all laws, in real time. `virtual`: a fresh backend for each law, in a time that
   * jumps to the next timer whenever everything waits; only for backends that wait for nothing outside.
   */
  readonly time?: "live" | "virtual" | undefined
  /** How long one law may take, in milliseconds; default two minutes and a bit. */
  readonly timeoutMs?: number | undefined
  /** Hears of the results when all laws were judged. */
  readonly onResults?: ((results: ReadonlyArray<LawResult>) => void | Promise<void>) | undefined
}

type Judge = (law: Law<DevboxBackend | DevboxService>) => Promise<Verdict>

const suite = <E>(
  backend: string,
  subject: "DevboxBackend" | "DevboxService",
  laws: ReadonlyArray<Law<DevboxBackend | DevboxService>>,
  layer: Layer.Layer<DevboxBackend | DevboxService, E>,
  options: SuiteOptions
): void => {
  const timeout = options.timeoutMs ?? 150_000
  describe(`${backend}: laws of ${subject}`, () => {
    const results: Array<LawResult> = []
    const judged = options.time === "virtual" ? virtually(layer, options) : lively(layer, options, timeout)
    for (const law of laws) {
      it(
        `${law.title} [${law.id}]`,
        async (context) => {
          const told = options.skip?.[law.id]
          const verdict: Verdict = told === undefined ? await judged(law) : { _tag: "Skipped", reason: told }
          results.push({ law: law.id, title: law.title, verdict })
          if (verdict._tag === "Skipped") context.skip(verdict.reason)
          if (verdict._tag === "Violated") throw new Error(`It does not hold that ${verdict.claim}: ${verdict.detail}`)
          if (verdict._tag === "Undecided") throw new Error(`The law could not be judged: ${verdict.detail}`)
        },
        timeout
      )
    }
    afterAll(() => options.onResults?.(results))
  })
}

const virtually =
  <E>(layer: Layer.Layer<DevboxBackend | DevboxService, E>, options: SuiteOptions): Judge =>
  (law) =>
    Effect.runPromise(judgeVirtually(law, layer, options.surroundings))

/** One backend for all, which must hold nothing at the end that it did not hold at the beginning. */
const lively = <E>(
  layer: Layer.Layer<DevboxBackend | DevboxService, E>,
  options: SuiteOptions,
  timeout: number
): Judge => {
  const runtime = ManagedRuntime.make(layer)
  const inside = <A, E2>(effect: Effect.Effect<A, E2, DevboxBackend | DevboxService>) =>
    runtime.runPromise(
      Effect.flatMap(Surroundings, (given) =>
        Effect.provideService(effect, Surroundings, { ...given, ...options.surroundings })
      )
    )
  let before: ReadonlyArray<Living> = []
  beforeAll(async () => {
    before = await inside(Effect.flatMap(DevboxBackend, (backend) => look(backend)))
  }, timeout)
  afterAll(async () => {
    const now = await inside(Effect.flatMap(DevboxBackend, (backend) => look(backend)))
    await runtime.dispose()
    const left = leftovers(before, now)
    if (left.length > 0) throw new Error(`The laws left something behind: ${left.map(format).join(", ")}`)
  }, timeout)
  return (law) => inside(judge(law))
}

/** Registers every law of `DevboxBackend` for a backend. */
export const backendSuite = <E>(name: string, layer: Layer.Layer<DevboxBackend, E>, options: SuiteOptions = {}): void =>
  suite(name, "DevboxBackend", backendLaws, withService(layer), options)

/** Registers every law of `DevboxService` for the service on a backend. */
export const serviceSuite = <E>(name: string, layer: Layer.Layer<DevboxBackend, E>, options: SuiteOptions = {}): void =>
  suite(name, "DevboxService", serviceLaws, withService(layer), options)

const withService = <E>(layer: Layer.Layer<DevboxBackend, E>): Layer.Layer<DevboxBackend | DevboxService, E> =>
  Layer.provideMerge(DevboxService.layer, layer)
