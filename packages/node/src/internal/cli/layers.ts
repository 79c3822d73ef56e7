/** The layer of each backend. Loaded when a command needs devboxes, and not before. */
import { DevboxService } from "@effect-devbox/core/DevboxService"
import type { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import type { BackendError } from "@effect-devbox/core/DevboxError"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Devboxes } from "./backend.ts"
import { UsageError } from "./errors.ts"
import type { Settings } from "./flags.ts"

type Chosen = Layer.Layer<DevboxBackend, BackendError | UsageError | Config.ConfigError>

const local = async ({ stateDir }: Settings): Promise<Chosen> => {
  const { layerConfig } = await import("../../LocalBackend.ts")
  // An option that is undefined would take the place of what the environment says.
  return layerConfig(stateDir === undefined ? {} : { stateDir })
}

/** Opening connections ahead pays for programs that make many calls; a command makes a few. */
const connections = { primed: 0 }

const runloop = async (): Promise<Chosen> => {
  const { layerNodeConfig } = await import("../../RunloopNode.ts")
  return layerNodeConfig(connections)
}

const server = async ({ backend }: Settings): Promise<Chosen> => {
  const [{ layerServer }, { layerClient }] = await Promise.all([
    import("@effect-devbox/core/RunloopBackend"),
    import("../../RunloopNode.ts")
  ])
  const key = Config.Redacted("EFFECT_DEVBOX_API_KEY").pipe(Config.withDefault(Redacted.make("")))
  return Layer.unwrap(
    Effect.map(key, (apiKey) =>
      layerServer({ apiKey, baseUrl: backend, name: "server" }).pipe(Layer.provide(layerClient(backend, connections)))
    )
  )
}

/** The backend that the flags name. */
export const backendOf = (settings: Settings): Chosen => {
  const { backend } = settings
  const load =
    backend === "local" ? local : backend === "runloop" ? runloop : /^https?:\/\//.test(backend) ? server : undefined
  return load === undefined
    ? Layer.unwrap(
        Effect.fail(
          new UsageError({
            detail: `"${backend}" is not a backend`,
            hint: "--backend and EFFECT_DEVBOX_BACKEND take local, runloop, or the address of a server (http://…)."
          })
        )
      )
    : Layer.unwrap(Effect.promise(() => load(settings)))
}

/** Runs with the devboxes of the backend that the flags name. */
export const provideDevboxes = <A, E, R>(settings: Settings, use: (devboxes: Devboxes) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(DevboxService, use).pipe(Effect.provide(DevboxService.layer.pipe(Layer.provide(backendOf(settings)))))
