/**
 * The laws as suites of vitest: `backendSuite(name, layer)` for whoever writes a backend, `serviceSuite(name, layer)` for the
 * service on it. A law that does not apply is skipped with its reason; a law that could not find out fails.
 */
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as References from "effect/References"
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

/** Where the laws of a suite are judged. */
interface Court {
  readonly open: () => Promise<void>
  readonly judge: (law: Law<DevboxBackend | DevboxService>) => Promise<Verdict>
  readonly close: () => Promise<void>
}

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
    const court = options.time === "virtual" ? virtual(layer, options) : live(layer, options)
    beforeAll(court.open, timeout)
    for (const law of laws) {
      it(
        `${law.title} [${law.id}]`,
        async (context) => {
          const told = options.skip?.[law.id]
          const verdict: Verdict = told === undefined ? await court.judge(law) : { _tag: "Skipped", reason: told }
          results.push({ law: law.id, title: law.title, verdict })
          if (verdict._tag === "Skipped") context.skip(verdict.reason)
          if (verdict._tag === "Violated") throw new Error(`It does not hold that ${verdict.claim}: ${verdict.detail}`)
          if (verdict._tag === "Undecided") throw new Error(`The law could not be judged: ${verdict.detail}`)
        },
        timeout
      )
    }
    // One hook for both: vitest runs no further ones after one that failed, and the backend must be released in any case.
    afterAll(async () => {
      try {
        await options.onResults?.(results)
      } finally {
        await court.close()
      }
    }, timeout)
  })
}

const nothing = () => Promise.resolve()

/** A fresh backend for each law, in virtual time. */
const virtual = <E>(layer: Layer.Layer<DevboxBackend | DevboxService, E>, options: SuiteOptions): Court => ({
  open: nothing,
  judge: (law) => Effect.runPromise(judgeVirtually(law, layer, options.surroundings)),
  close: nothing
})

/** One backend for all, which must hold nothing at the end that it did not hold at the beginning. */
const live = <E>(layer: Layer.Layer<DevboxBackend | DevboxService, E>, options: SuiteOptions): Court => {
  const runtime = ManagedRuntime.make(layer)
  const run = <A, E2>(effect: Effect.Effect<A, E2, DevboxBackend | DevboxService>) =>
    runtime.runPromise(
      Effect.flatMap(Surroundings, (given) =>
        effect.pipe(
          Effect.provideService(Surroundings, { ...given, ...options.surroundings }),
          // Hundreds of devboxes would each say the same warnings.
          Effect.provideService(References.MinimumLogLevel, "Error")
        )
      )
    )
  const living = () => run(Effect.flatMap(DevboxBackend, (backend) => look(backend)))
  let before: ReadonlyArray<Living> = []
  return {
    open: async () => {
      before = await living()
    },
    judge: (law) => run(judge(law)),
    close: async () => {
      try {
        const left = leftovers(before, await living())
        if (left.length > 0) throw new Error(`The laws left something behind: ${left.map(format).join(", ")}`)
      } finally {
        await runtime.dispose()
      }
    }
  }
}

/** Registers every law of `DevboxBackend` for a backend. */
export const backendSuite = <E>(name: string, layer: Layer.Layer<DevboxBackend, E>, options: SuiteOptions = {}): void =>
  suite(name, "DevboxBackend", backendLaws, withService(layer), options)

/** Registers every law of `DevboxService` for the service on a backend. */
export const serviceSuite = <E>(name: string, layer: Layer.Layer<DevboxBackend, E>, options: SuiteOptions = {}): void =>
  suite(name, "DevboxService", serviceLaws, withService(layer), options)

const withService = <E>(layer: Layer.Layer<DevboxBackend, E>): Layer.Layer<DevboxBackend | DevboxService, E> =>
  Layer.provideMerge(DevboxService.layer, layer)
