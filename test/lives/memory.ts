/** Lives in memory: where everything is done at once, and where everything takes its time. */
import { DevboxService } from "@effect-devbox/core"
import type { DevboxBackend, Shape } from "@effect-devbox/core/DevboxBackend"
import { DevboxBackend as Backend } from "@effect-devbox/core/DevboxBackend"
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { Effect, Layer } from "effect"
import type { Setting } from "./drive.ts"
import type { Variety } from "./operations.ts"

/** The clock is virtual and jumps, so this takes no time. */
const pass = (millis: number) => Effect.delay(Effect.void, millis)

/** A way to live. */
export interface Way {
  readonly setting: Setting
  readonly variety: Variety
  readonly layer: (broken?: (sound: Shape) => Shape) => Layer.Layer<DevboxService | DevboxBackend>
}

const way = (setting: Setting, options: MemoryBackend.Options): Way => ({
  setting,
  variety: { time: true, waits: setting.waits },
  layer: (broken = (sound) => sound) =>
    Layer.provideMerge(
      DevboxService.layer,
      Layer.provide(Layer.effect(Backend, Effect.map(Backend, broken)), MemoryBackend.layer(options))
    )
})

/** What is asked for is done. */
export const atOnce: Way = way(
  { waits: true, delays: { provisioning: 0, suspending: 0, resuming: 0, snapshot: 0 }, create: {}, pass },
  {}
)

/** What is asked for comes to pass in odd times, so that no two things happen at once. */
const delays = { provisioning: 3001, suspending: 2003, resuming: 2011, snapshot: 5017 } as const
export const slowly: Way = way(
  { waits: false, delays, create: {}, pass },
  {
    provisioningDelay: delays.provisioning,
    suspendDelay: delays.suspending,
    resumeDelay: delays.resuming,
    snapshotDelay: delays.snapshot
  }
)
