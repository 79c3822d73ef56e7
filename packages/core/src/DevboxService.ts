/**
 * The service you use: every operation as an Effect with exactly its errors, derived once from any `DevboxBackend`. It owns
 * waiting, scopes, retries, resumption of output and compensation, and imports no backend. Operations take the id first;
 * handles (`create`, `attach`) are the same operations with the id filled in.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { type Connection, DevboxBackend } from "./DevboxBackend.ts"
import type { Capabilities } from "./Capabilities.ts"
import type {
  BackendError,
  CommandFailed,
  ExecError,
  FileAccessError,
  LookupError,
  ReadyError,
  ShutdownError,
  SnapshotError,
  WaitError
} from "./DevboxError.ts"
import type {
  AttachOptions,
  AwaitOptions,
  Command,
  Contents,
  CreateOptions,
  Devbox,
  ExecOptions,
  Execution,
  ForkOptions,
  KeepAliveOptions,
  KillOptions,
  Pty,
  PtyOptions,
  Snapshot,
  SnapshotOptions,
  StartOptions,
  SshConfigured,
  TunnelHandle,
  TunnelInput
} from "./DevboxHandle.ts"
import type { DevboxId, DevboxInfo, DevboxStatus, LogEntry, Notice, SnapshotId, Usage } from "./DevboxModel.ts"
import type { ExecutionDetail, ExecutionId, ExecutionInfo } from "./Execution.ts"
import type { ExecResult } from "./ExecResult.ts"
import { makeService } from "./internal/service/make.ts"
import type { PortTunnel, SshKey } from "./Network.ts"
import type { Options as SshConfigOptions } from "./SshConfig.ts"
import type { SnapshotInfo, SnapshotState } from "./Snapshot.ts"

/** Which devboxes or snapshots to list. */
export interface ListFilter {
  readonly status?: DevboxStatus | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** The operations of the service. */
export interface Interface {
  /** The name of the backend. */
  readonly backend: string
  readonly capabilities: Capabilities

  /** Creates a devbox, waits until it runs, and shuts it down with the scope: on success, failure and interruption. */
  readonly create: (options?: CreateOptions) => Effect.Effect<Devbox, WaitError, Scope.Scope>
  /** Creates a devbox, waits until it runs, and leaves it to you. When the wait fails it is shut down: nobody has its id. */
  readonly createDetached: (options?: CreateOptions) => Effect.Effect<Devbox, WaitError>
  /** The handle of a devbox that exists. Does nothing by itself. */
  readonly attach: (id: DevboxId | string, options?: AttachOptions) => Devbox
  /** Every devbox that fits, newest first, a page at a time in constant memory. */
  readonly list: (filter?: ListFilter) => Stream.Stream<DevboxInfo, BackendError>
  readonly getInfo: (id: DevboxId) => Effect.Effect<DevboxInfo, LookupError>
  readonly update: (
    id: DevboxId,
    change: { readonly name?: string | undefined; readonly metadata?: Readonly<Record<string, string>> | undefined }
  ) => Effect.Effect<DevboxInfo, LookupError>
  readonly awaitRunning: (id: DevboxId, options?: AwaitOptions) => Effect.Effect<DevboxInfo, WaitError>
  readonly awaitSuspended: (id: DevboxId, options?: AwaitOptions) => Effect.Effect<DevboxInfo, WaitError>
  readonly suspend: (id: DevboxId) => Effect.Effect<DevboxInfo, ReadyError>
  readonly resume: (id: DevboxId) => Effect.Effect<DevboxInfo, ReadyError>
  readonly shutdown: (
    id: DevboxId,
    options?: { readonly force?: boolean | undefined }
  ) => Effect.Effect<DevboxInfo, ShutdownError>
  readonly keepAlive: (id: DevboxId) => Effect.Effect<void, ReadyError>
  /**
   * Runs an effect and keeps a devbox alive meanwhile. Fails without running it when the first sign of life fails; later it fails, and
   * interrupts the effect, when the devbox is over, and a backend that cannot be reached for a while does neither.
   */
  readonly keepAliveWhile: <A, E, R>(
    id: DevboxId,
    effect: Effect.Effect<A, E, R>,
    options?: KeepAliveOptions
  ) => Effect.Effect<A, E | ReadyError, R>
  readonly usage: (id: DevboxId) => Effect.Effect<Usage, LookupError>
  readonly logs: (
    id: DevboxId,
    filter?: { readonly executionId?: ExecutionId | undefined; readonly shellName?: string | undefined }
  ) => Effect.Effect<ReadonlyArray<LogEntry>, LookupError>
  /** Notices that devboxes will be suspended or shut down: those pending, then each new one, once. Connects again by itself. */
  readonly notices: Stream.Stream<Notice, BackendError>

  readonly snapshotDisk: (
    id: DevboxId,
    options?: SnapshotOptions & AwaitOptions
  ) => Effect.Effect<Snapshot, SnapshotError | ShutdownError>
  readonly snapshotDiskAsync: (
    id: DevboxId,
    options?: SnapshotOptions
  ) => Effect.Effect<Snapshot, ReadyError | ShutdownError>
  /** The handle of a snapshot that exists. */
  readonly attachSnapshot: (id: SnapshotId | string) => Snapshot
  readonly getSnapshot: (id: SnapshotId) => Effect.Effect<SnapshotState, LookupError>
  readonly awaitSnapshot: (id: SnapshotId, options?: AwaitOptions) => Effect.Effect<SnapshotInfo, SnapshotError>
  readonly updateSnapshot: (id: SnapshotId, options: SnapshotOptions) => Effect.Effect<SnapshotInfo, LookupError>
  readonly deleteSnapshot: (id: SnapshotId) => Effect.Effect<void, LookupError>
  readonly listSnapshots: (filter?: {
    readonly devboxId?: DevboxId | undefined
    readonly metadata?: Readonly<Record<string, string>> | undefined
  }) => Stream.Stream<SnapshotInfo, BackendError>

  /**
   * So many devboxes from one instant of one devbox, shut down with the scope. They are made through a snapshot, which is
   * deleted when the last of them is gone. When one cannot be made the others are shut down at once.
   */
  readonly fork: (
    id: DevboxId,
    count: number,
    options?: ForkOptions
  ) => Effect.Effect<ReadonlyArray<Devbox>, SnapshotError | ShutdownError, Scope.Scope>

  readonly exec: (id: DevboxId, command: Command, options?: ExecOptions) => Effect.Effect<ExecResult, ExecError>
  readonly execOrFail: (
    id: DevboxId,
    command: Command,
    options?: ExecOptions
  ) => Effect.Effect<ExecResult, ExecError | CommandFailed>
  readonly execAsync: (
    id: DevboxId,
    command: Command,
    options?: StartOptions
  ) => Effect.Effect<Execution, ReadyError, Scope.Scope>
  readonly execDetached: (
    id: DevboxId,
    command: Command,
    options?: StartOptions
  ) => Effect.Effect<Execution, ReadyError>
  /** The handle of an execution that exists. */
  readonly attachExecution: (id: DevboxId, executionId: ExecutionId) => Execution
  readonly getExecution: (id: DevboxId, executionId: ExecutionId) => Effect.Effect<ExecutionInfo, LookupError>
  readonly kill: (
    id: DevboxId,
    executionId: ExecutionId,
    options?: KillOptions
  ) => Effect.Effect<ExecutionInfo, WaitError>
  /** An interactive terminal, ended with the scope; needs the feature `pty`. */
  readonly pty: (id: DevboxId, options?: PtyOptions) => Effect.Effect<Pty, ReadyError, Scope.Scope>

  readonly readFile: (id: DevboxId, path: string) => Effect.Effect<string, FileAccessError>
  readonly writeFile: (id: DevboxId, path: string, contents: string) => Effect.Effect<ExecutionDetail, FileAccessError>
  readonly upload: <E = never, R = never>(
    id: DevboxId,
    path: string,
    contents: Contents | Stream.Stream<Uint8Array, E, R>,
    options?: { readonly size?: number | undefined }
  ) => Effect.Effect<void, FileAccessError | E, R>
  readonly download: (id: DevboxId, path: string) => Effect.Effect<Uint8Array, FileAccessError>
  readonly downloadStream: (id: DevboxId, path: string) => Stream.Stream<Uint8Array, FileAccessError>

  readonly createSshKey: (id: DevboxId) => Effect.Effect<SshKey, ReadyError>
  readonly sshConfig: (id: DevboxId, options: SshConfigOptions) => Effect.Effect<SshConfigured, ReadyError>
  readonly enableTunnel: (id: DevboxId, options?: TunnelInput) => Effect.Effect<TunnelHandle, ReadyError>
  readonly getTunnel: (id: DevboxId) => Effect.Effect<TunnelHandle | undefined, LookupError>
  readonly createTunnel: (id: DevboxId, port: number) => Effect.Effect<PortTunnel, ReadyError>
  readonly removeTunnel: (id: DevboxId, port?: number) => Effect.Effect<void, ReadyError>
  /** See `net.dial`. */
  readonly dial: (id: DevboxId, port: number) => Effect.Effect<Connection, ReadyError, Scope.Scope>
  /** See `net.awaitPort`. */
  readonly awaitPort: (id: DevboxId, port: number, options?: AwaitOptions) => Effect.Effect<void, WaitError>
  /** See `net.fetch`. */
  readonly fetch: (
    id: DevboxId,
    port: number,
    request: HttpClientRequest
  ) => Effect.Effect<HttpClientResponse, ReadyError>
}

/** Devboxes. Provide `layer` with a backend's layer. */
export class DevboxService extends Context.Service<DevboxService, Interface>()("effect-devbox/DevboxService") {
  /** The service over whatever backend is provided. */
  static readonly layer: Layer.Layer<DevboxService, never, DevboxBackend> = Layer.effect(
    DevboxService,
    Effect.map(DevboxBackend, makeService)
  )
}
