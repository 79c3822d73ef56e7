/**
 * A backend that goes wrong: wraps any other and makes it slow, unreachable, forgetful of its answers and behind in its
 * lists, by chance from a seed or exactly as told. For tests of programs that must survive that. It invents no answers:
 * whatever arrives was given by the backend inside, and its capabilities say what it no longer has.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DevboxBackend, type Shape } from "./DevboxBackend.ts"
import { lagging } from "./internal/chaos/lag.ts"
import { type Config, type Fault, type Kind, makePlan } from "./internal/chaos/plan.ts"
import { strike } from "./internal/chaos/strike.ts"
import { intercept } from "./internal/intercept.ts"

export type { Config, Fault, Kind } from "./internal/chaos/plan.ts"
export type { Operation } from "./internal/intercept.ts"

/** A fault that happened, and when. */
export interface Struck extends Fault {
  readonly atMs: number
}

/** What a test sees of the chaos, and how it ends it. */
export class Control extends Context.Service<
  Control,
  {
    readonly seed: number
    /** The faults that happened, in order, the last ten thousand of them. As a `script` they happen again. */
    readonly faults: Effect.Effect<ReadonlyArray<Struck>>
    /** How many faults of each kind happened. */
    readonly counts: Effect.Effect<Readonly<Partial<Record<Kind, number>>>>
    /** From now on nothing goes wrong, so that what is left can be looked at; lists catch up in their time. */
    readonly calm: Effect.Effect<void>
    /** Things go wrong again. */
    readonly resume: Effect.Effect<void>
  }
>()("effect-devbox/ChaosBackend/Control") {}

/**
 * A mix in which a bad day goes by: about one call in eight fails or breaks, more are late, lists lag for two seconds.
 * What can be asked for again succeeds under it.
 */
export const moderate: Config = {
  delay: { chance: 0.2, upTo: "200 millis" },
  reorder: { chance: 0.05, upTo: "100 millis" },
  refuse: 0.03,
  drop: 0.02,
  loseReply: 0.03,
  duplicate: 0.05,
  rateLimit: { chance: 0.005, lasting: "2 seconds" },
  cut: { chance: 0.2, within: 4096 },
  slow: { chance: 0.1, pause: "20 millis" },
  failShutdown: 0.2,
  lag: "2 seconds"
}

/** A line about a fault, for logs and failed tests. */
export const format = (fault: Fault): string =>
  `${fault.operation} ${fault.call}: ${fault.kind}${fault.amount === undefined ? "" : ` ${fault.amount}`}`

/** A long run must not fill the memory with what went wrong in it. */
const remembered = 10_000

const truthful = (backend: Shape, lagMs: number): Shape => {
  if (lagMs <= 0) return backend
  const features = new Set(backend.capabilities.features)
  features.delete("consistentList")
  return { ...backend, capabilities: { ...backend.capabilities, features } }
}

/** The chaos around the backend that is provided, together with its {@link Control}. */
export const layerControl = (config: Config = moderate): Layer.Layer<DevboxBackend | Control, never, DevboxBackend> =>
  Layer.effectContext(
    Effect.map(DevboxBackend, (backend) => {
      const lagMs = Duration.toMillis(Duration.fromInputUnsafe(config.lag ?? 0))
      const faults: Array<Struck> = []
      const counts: Partial<Record<Kind, number>> = {}
      let active = true
      const struck = (fault: Fault) =>
        Effect.map(Clock.currentTimeMillis, (atMs) => {
          counts[fault.kind] = (counts[fault.kind] ?? 0) + 1
          faults.push({ ...fault, atMs })
          if (faults.length > remembered) faults.shift()
        })
      let lists = 0
      const behind = lagging(backend, lagMs, (operation, amount) =>
        struck({ operation, call: ++lists, kind: "hide", amount })
      )
      const chaos = strike({ name: backend.name, plan: makePlan(config), active: () => active, struck })
      return Context.make(DevboxBackend, intercept(truthful(behind, lagMs), chaos)).pipe(
        Context.add(Control, {
          seed: config.seed ?? 1,
          faults: Effect.sync(() => Array.from(faults)),
          counts: Effect.sync(() => ({ ...counts })),
          calm: Effect.sync(() => {
            active = false
          }),
          resume: Effect.sync(() => {
            active = true
          })
        })
      )
    })
  )

/**
 * The chaos around the backend that is provided.
 *
 * **Example** (A test that survives a bad day)
 *
 * ```ts
 * const bad = ChaosBackend.layer({ ...ChaosBackend.moderate, seed: 7 })
 * const services = DevboxService.layer.pipe(Layer.provide(bad), Layer.provide(MemoryBackend.layer()))
 * it.live("survives a bad day", () => VirtualTime.run(Effect.provide(program, services)))
 * ```
 *
 * A failing test says its seed with `Control.seed`; the same seed, or `{ script: yield* control.faults }`, makes it fail again.
 */
export const layer = (config: Config = moderate): Layer.Layer<DevboxBackend, never, DevboxBackend> =>
  layerControl(config)
