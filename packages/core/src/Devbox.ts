/**
 * The door for programs: `const devbox = yield* Devbox.create({ … })`. The same operations as `DevboxService`'s, as functions
 * that ask for the service. No logic lives here.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BackendError, ReadyError, ShutdownError, SnapshotError, WaitError } from "./DevboxError.ts"
import type {
  AttachOptions,
  CreateOptions,
  Devbox as Handle,
  ForkOptions,
  KeepAliveOptions,
  Snapshot
} from "./DevboxHandle.ts"
import { DevboxId, type DevboxInfo, type Notice, type SnapshotId } from "./DevboxModel.ts"
import { DevboxService, type ListFilter } from "./DevboxService.ts"
import type { SnapshotInfo } from "./Snapshot.ts"

/** A devbox: the handle that `create` and `attach` give. */
export type Devbox = Handle

/** Creates a devbox and waits until it runs; it is shut down with the scope: on success, failure and interruption. */
export const create = (options?: CreateOptions): Effect.Effect<Devbox, WaitError, DevboxService | Scope.Scope> =>
  DevboxService.use((service) => service.create(options))

/** Creates a devbox, waits until it runs, and leaves its end to you. */
export const createDetached = (options?: CreateOptions): Effect.Effect<Devbox, WaitError, DevboxService> =>
  DevboxService.use((service) => service.createDetached(options))

/** The handle of a devbox that exists. */
export const attach = (id: DevboxId | string, options?: AttachOptions): Effect.Effect<Devbox, never, DevboxService> =>
  DevboxService.useSync((service) => service.attach(id, options))

/** So many devboxes from one instant of one devbox, shut down with the scope; see `DevboxService.fork`. */
export const fork = (
  id: DevboxId | string,
  count: number,
  options?: ForkOptions
): Effect.Effect<ReadonlyArray<Devbox>, SnapshotError | ShutdownError, DevboxService | Scope.Scope> =>
  DevboxService.use((service) => service.fork(DevboxId.make(id), count, options))

/** Runs an effect and keeps a devbox alive meanwhile; see `DevboxService.keepAliveWhile`. */
export const keepAliveWhile = <A, E, R>(
  id: DevboxId | string,
  effect: Effect.Effect<A, E, R>,
  options?: KeepAliveOptions
): Effect.Effect<A, E | ReadyError, R | DevboxService> =>
  DevboxService.use((service) => service.keepAliveWhile(DevboxId.make(id), effect, options))

/** Every devbox that fits, newest first, a page at a time. */
export const list = (filter?: ListFilter): Stream.Stream<DevboxInfo, BackendError, DevboxService> =>
  Stream.unwrap(DevboxService.useSync((service) => service.list(filter)))

/** The handle of a snapshot that exists. */
export const attachSnapshot = (id: SnapshotId | string): Effect.Effect<Snapshot, never, DevboxService> =>
  DevboxService.useSync((service) => service.attachSnapshot(id))

/** Every snapshot that fits, newest first, a page at a time. */
export const listSnapshots = (filter?: {
  readonly devboxId?: DevboxId | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}): Stream.Stream<SnapshotInfo, BackendError, DevboxService> =>
  Stream.unwrap(DevboxService.useSync((service) => service.listSnapshots(filter)))

/** Notices of devboxes that will be suspended or shut down. */
export const notices: Stream.Stream<Notice, BackendError, DevboxService> = Stream.unwrap(
  DevboxService.useSync((service) => service.notices)
)
