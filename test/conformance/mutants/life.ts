/** Mutants of launching, of time, and of what is done before a suspension. */
import { AfterIdle, LaunchParameters, Lifecycle, LifecycleHooks } from "@effect-devbox/core/DevboxModel"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { broken, creates, infos, type Mutant } from "./mutant.ts"

/** Changes how devboxes are launched. */
const launches = (
  law: string,
  is: string,
  change: (
    launch: LaunchParameters
  ) => Partial<{ readonly [K in keyof LaunchParameters]: LaunchParameters[K] | undefined }>
): Mutant =>
  broken(law, is, (b) =>
    creates(b, ({ launchParameters }) => {
      if (launchParameters === undefined) return {}
      const fields = { ...launchParameters, ...change(launchParameters) }
      for (const [key, value] of Object.entries(fields)) if (value === undefined) Reflect.deleteProperty(fields, key)
      return { launchParameters: new LaunchParameters(fields as ConstructorParameters<typeof LaunchParameters>[0]) }
    })
  )

/** See above. */
export const life: ReadonlyArray<Mutant> = [
  launches("launch-commands-first", "runs none", () => ({ launchCommands: undefined })),
  launches("launch-commands-first", "runs the first alone", ({ launchCommands = [] }) => ({
    launchCommands: launchCommands.slice(0, 1)
  })),
  launches("launch-commands-again", "runs them once", ({ launchCommands = [] }) => ({
    launchCommands: launchCommands.map((each) => `test -e log.txt || ${each}`)
  })),
  launches("launch-failure-says-why", "goes on", ({ launchCommands = [] }) => ({
    launchCommands: launchCommands.map((each) => `sh -c '${each}' || true`)
  })),
  broken("launch-failure-says-why", "keeps no log", () => ({ logs: () => Effect.succeed([]) })),
  broken("mount-files", "mounts nothing", (b) => creates(b, () => ({ mounts: undefined }))),
  broken("entrypoint-ends-it", "has no entrypoint", (b) => creates(b, () => ({ entrypoint: undefined }))),
  broken("entrypoint-ends-it", "takes it for a wish", (b) =>
    infos(b, ({ shutdownReason }) => (shutdownReason === undefined ? {} : { shutdownReason: "api_shutdown" }))
  ),
  launches("keep-alive-time", "has an hour", () => ({ keepAliveTimeSeconds: undefined })),
  broken("keep-alive-time", "takes it for a wish", (b) =>
    infos(b, ({ shutdownReason }) => (shutdownReason === undefined ? {} : { shutdownReason: "api_shutdown" }))
  ),
  broken("keep-alive-restarts", "does nothing", (b) => ({ keepAlive: (id) => Effect.asVoid(b.get(id)) })),
  launches("keep-alive-restarts", "has an hour", () => ({ keepAliveTimeSeconds: undefined })),
  launches("idle-shuts-down", "ends what is busy", () => ({ afterIdle: undefined, keepAliveTimeSeconds: 1 })),
  launches("idle-suspends", "shuts down", () => ({
    afterIdle: new AfterIdle({ idleTimeSeconds: 1, onIdle: "shutdown" })
  })),
  launches("suspend-commands", "runs none", () => ({ lifecycle: undefined })),
  launches("suspend-commands-in-time", "lets them take their time", ({ lifecycle }) => ({
    lifecycle: new Lifecycle({
      lifecycleHooks: new LifecycleHooks({ suspendCommands: lifecycle?.lifecycleHooks?.suspendCommands ?? [] })
    })
  })),
  broken("notice-of-the-end", "says nothing", () => ({ notices: Stream.never })),
  broken("notice-of-the-end", "says it once", (b) => {
    let told = false
    return {
      notices: Stream.suspend(() => {
        if (told) return Stream.never
        told = true
        return b.notices
      })
    }
  }),
  broken("snapshot-of-the-suspended", "wakes it", (b) => ({
    startSnapshot: (id, params) => Effect.tap(b.startSnapshot(id, params), () => Effect.ignore(b.resume(id)))
  })),
  broken("snapshot-and-shutdown", "always uses force", (b) => ({
    shutdown: (id) => b.shutdown(id, { force: true })
  }))
]
