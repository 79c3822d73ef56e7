/** Options → request, and the creation of a devbox that nobody can lose: found again after a lost answer, undone when unwanted. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Shape } from "../../DevboxBackend.ts"
import type { BackendError, ResourceNotFound } from "../../DevboxError.ts"
import type { CreateOptions } from "../../DevboxHandle.ts"
import { CreateParams, type DevboxInfo, LaunchParameters, SnapshotId, UserParameters } from "../../DevboxModel.ts"
import { TunnelOptions } from "../../Network.ts"
import { release } from "../release.ts"
import { defined } from "../defined.ts"
import type { Restore } from "../give.ts"
import * as Ownership from "./ownership.ts"

const seconds = (time: Duration.Input): number => Math.ceil(Duration.toSeconds(Duration.fromInputUnsafe(time)))

const launchParameters = (options: CreateOptions): LaunchParameters | undefined => {
  const own = defined({
    launchCommands: options.launchCommands,
    userParameters: options.user === undefined ? undefined : new UserParameters(options.user),
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
const toParams = (options: CreateOptions, detached: boolean): CreateParams => {
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

/** The options with the present trace in the environment, where that is asked for and there is one. */
const traced = (options: CreateOptions): Effect.Effect<CreateOptions> =>
  options.propagateTrace !== true
    ? Effect.succeed(options)
    : Effect.match(Effect.currentParentSpan, {
        onFailure: () => options,
        onSuccess: ({ sampled, spanId, traceId }) => ({
          ...options,
          env: { TRACEPARENT: `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`, ...options.env }
        })
      })

/** Sends the create. Must be called without interruption; the request itself can be interrupted, so a timeout is kept. */
export const request = (
  backend: Shape,
  options: CreateOptions,
  detached: boolean,
  restore: Restore
): Effect.Effect<DevboxInfo, BackendError | ResourceNotFound> =>
  Effect.flatMap(traced(options), (whole) => {
    const params = toParams(whole, detached)
    return Ownership.request(
      backend,
      { resource: "devbox", list: backend.list },
      restore,
      (stamp) => backend.create(new CreateParams({ ...params, metadata: { ...params.metadata, ...stamp } })),
      (info) => release(backend, info.id)
    )
  })
