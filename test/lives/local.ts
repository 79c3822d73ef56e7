/** Lives on this machine, in real time: whatever waits is waited for, and no life is long enough for a time limit. */
import { LocalBackend } from "@effect-devbox/node"
import { DevboxService } from "@effect-devbox/core"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { Effect, Layer, type Scope } from "effect"
import type { Setting } from "./drive.ts"
import { type Result, search } from "./search.ts"

const setting: Setting = {
  waits: true,
  delays: { provisioning: 0, suspending: 0, resuming: 0, snapshot: 0 },
  create: {},
  pass: () => Effect.void
}

/** What lives need of a backend. */
const needed = ["suspend", "snapshot"] as const

/** Leads lives on one local backend with a state folder; says what is missing where they cannot be led. */
export const searchLocal = (
  stateDir: string,
  options: { readonly from: number; readonly count: number; readonly length: number }
): Effect.Effect<Result | { readonly missing: string }, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Layer.build(DevboxService.layer.pipe(Layer.provideMerge(LocalBackend.layer({ stateDir }))))
    const { capabilities } = yield* DevboxBackend.pipe(Effect.provide(context))
    const missing = needed.find((feature) => !capabilities.features.has(feature))
    if (missing !== undefined) return { missing: `the local backend does not have the feature "${missing}"` }
    return yield* search({
      ...options,
      variety: { time: false, waits: true },
      setting,
      layer: Layer.succeedContext(context)
    })
  })
