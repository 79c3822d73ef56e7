/** Forks: several devboxes from one instant of one devbox, through a snapshot that goes when the last of them is gone. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Shape } from "../../DevboxBackend.ts"
import {
  BackendError,
  InvalidRequestError,
  type ShutdownError,
  type SnapshotError,
  type WaitError
} from "../../DevboxError.ts"
import type { CreateOptions, Devbox, ForkOptions } from "../../DevboxHandle.ts"
import { type DevboxId, type DevboxInfo, LaunchParameters } from "../../DevboxModel.ts"
import { idempotent } from "../retry.ts"
import * as Snapshots from "./snapshots.ts"

const defaultConcurrency = 10

/**
 * What a fork takes over from its source: how it is launched and kept apart, not how long it lives, which is its scope's to
 * say. Environment and secrets nobody shows.
 */
const likeness = (backend: Shape, { isolation, launchParameters, network }: DevboxInfo): CreateOptions => {
  const { keepAliveTimeSeconds: _, ...launched } = launchParameters
  return {
    launchParameters: new LaunchParameters(launched),
    // A server may show one although its wire cannot be asked for it.
    network: network !== undefined && backend.capabilities.networks.has(network) ? network : undefined,
    // A weaker isolation is not chosen silently: it is the one that the source was asked for.
    minimumIsolation: isolation === "process" || isolation === "container" ? isolation : undefined
  }
}

/** See `DevboxService.fork`. */
export const fork = (
  backend: Shape,
  id: DevboxId,
  count: number,
  { concurrency, ...options }: ForkOptions,
  create: (options: CreateOptions) => Effect.Effect<Devbox, WaitError, Scope.Scope>
): Effect.Effect<ReadonlyArray<Devbox>, SnapshotError | ShutdownError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      if (!Number.isInteger(count) || count < 1) {
        const detail = `${count} is no number of devboxes; give a whole number from 1 on`
        const reason = new InvalidRequestError({ detail })
        return yield* new BackendError({ backend: backend.name, operation: "fork", outcome: "rejected", reason })
      }
      const scope = yield* Scope.fork(yield* Scope.Scope)
      const making = Effect.gen(function* () {
        const source = yield* restore(idempotent(backend.get(id)))
        const name = `fork-of-${id}`
        const snapshot = yield* Snapshots.scoped(backend, id, { name }, options, restore)
        // Closed before the snapshot is deleted, and each devbox beside the others.
        const boxes = yield* Scope.fork(scope, "parallel")
        const one = create({ ...likeness(backend, source), ...options, from: { snapshot: snapshot.id } })
        const all = Effect.replicateEffect(one, count, { concurrency: concurrency ?? defaultConcurrency })
        return yield* restore(Scope.provide(all, boxes))
      })
      return yield* Effect.onError(Scope.provide(making, scope), (cause) => Scope.close(scope, Exit.failCause(cause)))
    })
  )
