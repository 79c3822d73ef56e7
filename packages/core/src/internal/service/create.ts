/** Options → request, and the creation of a devbox that nobody can lose: found again after a lost answer, undone when unwanted. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Shape } from "../../DevboxBackend.ts"
import type { BackendError, ResourceNotFound } from "../../DevboxError.ts"
import type { CreateOptions } from "../../DevboxHandle.ts"
import { CreateParams, type DevboxInfo, LaunchParameters, SnapshotId } from "../../DevboxModel.ts"
import { TunnelOptions } from "../../Network.ts"
import { release } from "../release.ts"
import { once } from "../retry.ts"
import { defined } from "../defined.ts"
import { find, makeStamp, stamped } from "./ownership.ts"

const seconds = (time: Duration.Input): number => Math.ceil(Duration.toSeconds(Duration.fromInputUnsafe(time)))

const launchParameters = (options: CreateOptions): LaunchParameters | undefined => {
  const own = defined({
    launchCommands: options.launchCommands,
    keepAliveTimeSeconds: options.keepAliveTime === undefined ? undefined : seconds(options.keepAliveTime),
    afterIdle:
      options.afterIdle === undefined
        ? undefined
        : { idleTimeSeconds: seconds(options.afterIdle.time), onIdle: options.afterIdle.action }
  })
  if (options.launchParameters === undefined && Object.keys(own).length === 0) return undefined
  return new LaunchParameters({ ...options.launchParameters, ...own })
}

/** The request that the options stand for. */
export const toParams = (options: CreateOptions, detached: boolean): CreateParams => {
  const { from } = options
  return new CreateParams(
    defined({
      name: options.name,
      metadata: options.metadata,
      snapshotId: from !== undefined && "snapshot" in from ? SnapshotId.make(from.snapshot) : undefined,
      blueprintId: from !== undefined && "blueprint" in from ? from.blueprint : undefined,
      blueprintName: from !== undefined && "blueprintName" in from ? from.blueprintName : undefined,
      environmentVariables: options.env,
      secrets: options.secrets,
      entrypoint: options.entrypoint,
      launchParameters: launchParameters(options),
      mounts: options.mounts,
      tunnel: options.tunnel === undefined ? undefined : new TunnelOptions(defined(options.tunnel)),
      gateways: options.gateways,
      mcp: options.mcp,
      network: options.network,
      minimumIsolation: options.minimumIsolation,
      detached: detached ? true : undefined
    })
  )
}

/**
 * Sends the create. After a lost answer the devbox is looked for and adopted; when the caller was interrupted meanwhile it
 * is looked for and destroyed. The request itself can be interrupted, so a timeout around it is kept.
 */
export const request = (
  backend: Shape,
  params: CreateParams
): Effect.Effect<DevboxInfo, BackendError | ResourceNotFound> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const stamp = makeStamp()
      const undo = Effect.flatMap(
        find(backend, stamp),
        Option.match({ onNone: () => Effect.void, onSome: (info) => release(backend, info.id) })
      )
      return restore(once(backend.create(new CreateParams(stamped(params, stamp))))).pipe(
        Effect.catchTag("BackendError", (error) =>
          error.outcome === "rejected"
            ? Effect.fail(error)
            : Effect.flatMap(
                restore(find(backend, stamp)),
                Option.match({ onNone: () => Effect.fail(error), onSome: Effect.succeed })
              )
        ),
        Effect.onInterrupt(() => undo)
      )
    })
  )
