/**
 * The service you implement: dull things, each one request, nothing clever. Every method is lazy, takes the id first, takes
 * and gives plain data, does not wait beyond one request, does not retry and does not sleep. Waiting, retrying, resuming
 * and releasing are done once, by `DevboxService`.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Capabilities } from "./Capabilities.ts"
import {
  BackendError,
  type Conflict,
  type FileAccessError,
  type LookupError,
  type OutputError,
  type ReadyError,
  type ShutdownError,
  UnsupportedError
} from "./DevboxError.ts"
import type {
  CreateParams,
  DevboxId,
  DevboxInfo,
  DevboxStatus,
  LogEntry,
  Notice,
  SnapshotId,
  Usage
} from "./DevboxModel.ts"
import type {
  Channel,
  ExecutionDetail,
  ExecutionId,
  ExecutionInfo,
  OutputCursor,
  OutputEvent,
  Signal,
  StdinInput,
  TerminalOptions,
  TerminalSize
} from "./Execution.ts"
import type { SshKey, Tunnel, TunnelOptions } from "./Network.ts"
import type { SnapshotInfo, SnapshotParams, SnapshotState } from "./Snapshot.ts"

/** A page of a list. The next page starts after the last item's id. */
export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly hasMore: boolean
}

/** Which part of a list. `metadata` is honoured only by a backend with the feature `metadataFilter`. */
export interface ListQuery {
  readonly limit?: number | undefined
  readonly startingAfter?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** What to run. `command` as words is run without a shell; `command` as text is run by bash. */
export interface StartExecution {
  /** A second start with the same id is the same command: it is not run again and its info is returned. */
  readonly commandId: ExecutionId
  readonly command: string | ReadonlyArray<string>
  readonly shell?: string | undefined
  readonly attachStdin?: boolean | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly cwd?: string | undefined
}

/** A terminal inside a devbox; with its scope everything that runs in it ends. */
export interface Terminal {
  /**
   * What it shows, each byte once: a reader goes on where the one before it stopped. Ends when what runs in the terminal has
   * ended and everything was read. Unread output makes the terminal wait.
   */
  readonly output: Stream.Stream<Uint8Array, ReadyError>
  /** What is typed. The end of the input is not the end of the terminal. */
  readonly input: Sink.Sink<void, Uint8Array, never, ReadyError>
  readonly resize: (size: TerminalSize) => Effect.Effect<void, ReadyError>
  /** The exit status of what runs in it, 128 + n after the death by signal n. */
  readonly exit: Effect.Effect<number, ReadyError>
}

/** A byte stream to a port inside a devbox; it ends with its scope. */
export interface Connection {
  readonly readable: Stream.Stream<Uint8Array, BackendError>
  readonly writable: Sink.Sink<void, Uint8Array, never, BackendError>
}

/** The operations of a backend. What it does not have it leaves out; see {@link make}. */
export interface Implementation {
  /** The word users see in errors, spans and `getInfo`. */
  readonly name: string
  readonly capabilities: Capabilities

  /** Asks for a devbox. May return before it runs. */
  readonly create: (params: CreateParams) => Effect.Effect<DevboxInfo, BackendError | ResourceErrors>
  readonly get: (id: DevboxId) => Effect.Effect<DevboxInfo, LookupError>
  /** Newest first. */
  readonly list: (
    query: ListQuery & { readonly status?: DevboxStatus | undefined }
  ) => Effect.Effect<Page<DevboxInfo>, BackendError>
  /** Absent fields stay, metadata is replaced as a whole. */
  readonly update?: (
    id: DevboxId,
    change: { readonly name?: string | undefined; readonly metadata?: Readonly<Record<string, string>> | undefined }
  ) => Effect.Effect<DevboxInfo, LookupError>
  /** Returns when accepted; processes end, the disk stays. Of a suspended devbox: does nothing. */
  readonly suspend?: (id: DevboxId) => Effect.Effect<DevboxInfo, ReadyError>
  /** Returns when accepted. Of a running devbox: does nothing. */
  readonly resume?: (id: DevboxId) => Effect.Effect<DevboxInfo, ReadyError>
  /** Final. Of a devbox that is shut down already: succeeds. During a snapshot: {@link Conflict}, unless forced. */
  readonly shutdown: (
    id: DevboxId,
    options?: { readonly force?: boolean | undefined }
  ) => Effect.Effect<DevboxInfo, ShutdownError>
  /** Starts the keep-alive time again. */
  readonly keepAlive: (id: DevboxId) => Effect.Effect<void, ReadyError>
  readonly usage?: (id: DevboxId) => Effect.Effect<Usage, LookupError>
  readonly logs: (
    id: DevboxId,
    filter?: { readonly executionId?: ExecutionId | undefined; readonly shellName?: string | undefined }
  ) => Effect.Effect<ReadonlyArray<LogEntry>, LookupError>
  /** Eviction and expiry notices of every devbox; those pending come first. Ends when the backend ends it. */
  readonly notices?: Stream.Stream<Notice, BackendError>

  /** Returns when accepted, with an id whose state is then observed. */
  readonly startSnapshot?: (id: DevboxId, params: SnapshotParams) => Effect.Effect<SnapshotInfo, ReadyError | Conflict>
  /** A deleted snapshot answers `deleted`. */
  readonly getSnapshot?: (id: SnapshotId) => Effect.Effect<SnapshotState, LookupError>
  readonly listSnapshots?: (
    query: ListQuery & { readonly devboxId?: DevboxId | undefined }
  ) => Effect.Effect<Page<SnapshotInfo>, BackendError>
  readonly updateSnapshot?: (id: SnapshotId, params: SnapshotParams) => Effect.Effect<SnapshotInfo, LookupError>
  readonly deleteSnapshot?: (id: SnapshotId) => Effect.Effect<void, LookupError>

  readonly startExecution: (id: DevboxId, params: StartExecution) => Effect.Effect<ExecutionInfo, ReadyError>
  /** `lastLines` bounds the text that comes along (default 100); cut text is flagged. */
  readonly getExecution: (
    id: DevboxId,
    executionId: ExecutionId,
    options?: { readonly lastLines?: number | undefined }
  ) => Effect.Effect<ExecutionInfo, LookupError>
  /**
   * The bytes of one output, or of both, from a cursor on; follows a running command. Ends with an `End` event when the
   * command is over and everything was given; ending without it means that the connection was lost.
   */
  readonly output: (
    id: DevboxId,
    executionId: ExecutionId,
    channel: Channel | "both",
    cursor: OutputCursor
  ) => Stream.Stream<OutputEvent, OutputError>
  readonly sendStdin?: (id: DevboxId, executionId: ExecutionId, input: StdinInput) => Effect.Effect<void, ReadyError>
  /**
   * Signals the command, or with `group` everything that belongs to it; without the feature `killSignals` there is one kill.
   * Of a completed command: nothing, or with `group` what it left behind. With `SIGKILL` and `group` it returns when nothing
   * of the command is left.
   */
  readonly kill: (
    id: DevboxId,
    executionId: ExecutionId,
    options?: { readonly group?: boolean | undefined; readonly signal?: Signal | undefined }
  ) => Effect.Effect<ExecutionInfo, ReadyError>

  /** Opens a terminal; `env` and `cwd` need the feature `executionEnv`. It is no execution: no list and no log shows it. */
  readonly openTerminal?: (id: DevboxId, options: TerminalOptions) => Effect.Effect<Terminal, ReadyError, Scope.Scope>

  /** The bytes of a file. `text` says that the caller wants text, for a backend that has another way for it. */
  readonly download: (
    id: DevboxId,
    path: string,
    options?: { readonly text?: boolean | undefined }
  ) => Stream.Stream<Uint8Array, FileAccessError>
  /** Writes a file and the folders above it; an existing file keeps its mode. `size` in bytes, where it is known. */
  readonly upload: <E>(
    id: DevboxId,
    path: string,
    contents: Stream.Stream<Uint8Array, E>,
    options?: { readonly text?: boolean | undefined; readonly size?: number | undefined }
  ) => Effect.Effect<ExecutionDetail, FileAccessError | E>

  readonly createSshKey?: (id: DevboxId) => Effect.Effect<SshKey, ReadyError>
  /** At most one tunnel; enabling again returns it with the options now in force. `port` needs the feature `perPortTunnel`. */
  readonly enableTunnel?: (id: DevboxId, options: TunnelOptions) => Effect.Effect<Tunnel, ReadyError>
  /**
   * Removes the tunnel, or with the feature `perPortTunnel` one port of it; the last port that was opened by itself takes the
   * tunnel along. Without a tunnel: does nothing.
   */
  readonly removeTunnel?: (
    id: DevboxId,
    options?: { readonly port?: number | undefined }
  ) => Effect.Effect<void, ReadyError>
  /** A byte stream to a port inside, on its loopback. */
  readonly dial?: (id: DevboxId, port: number) => Effect.Effect<Connection, ReadyError, Scope.Scope>
  /**
   * One HTTP request to a server on a port inside, on its loopback, without a tunnel. A URL that is a path alone is asked of
   * `localhost`; one with a host names it in the request, and is sent to the port all the same.
   */
  readonly fetch?: (
    id: DevboxId,
    port: number,
    request: HttpClientRequest
  ) => Effect.Effect<HttpClientResponse, ReadyError>

  /**
   * Holds until the devbox has one of the statuses or the hold ends; either way returns what is now. Never fails because the
   * hold ended.
   */
  readonly waitForStatus?: (
    id: DevboxId,
    statuses: ReadonlyArray<DevboxStatus>,
    hold: Duration.Duration
  ) => Effect.Effect<DevboxInfo, LookupError>
  /** As {@link Implementation.waitForStatus}, for the completion of a command. */
  readonly waitForExecution?: (
    id: DevboxId,
    executionId: ExecutionId,
    hold: Duration.Duration,
    options?: { readonly lastLines?: number | undefined }
  ) => Effect.Effect<ExecutionInfo, LookupError>
  /** As {@link Implementation.waitForStatus}, until a snapshot is no longer in progress. */
  readonly waitForSnapshot?: (id: SnapshotId, hold: Duration.Duration) => Effect.Effect<SnapshotState, LookupError>
}

/** A create that names a snapshot or blueprint that does not exist fails as a lookup does. */
type ResourceErrors = Extract<LookupError, { readonly _tag: "ResourceNotFound" }>

/** What a backend may have only together with a feature; the holds are accelerators and may simply be absent. */
type Accelerators = "waitForStatus" | "waitForExecution" | "waitForSnapshot"

/** A backend with every operation in place; see {@link Implementation} for the contract of each. */
export type Shape = Required<Omit<Implementation, Accelerators>> & Pick<Implementation, Accelerators>

/** The service a backend provides. */
export class DevboxBackend extends Context.Service<DevboxBackend, Shape>()("effect-devbox/DevboxBackend") {}

/**
 * A key that stays the same when the service sends one call again and is new for every call, so that a wire with
 * idempotency keys can say "this is the request from before". Absent for calls that cannot do harm twice.
 */
export const RequestKey = Context.Reference<string | undefined>("effect-devbox/RequestKey", {
  defaultValue: () => undefined
})

/** The error of an operation that a backend does not have. */
export const unsupported = (backend: string, operation: string, feature: string, detail?: string): BackendError =>
  new BackendError({
    backend,
    operation,
    outcome: "rejected",
    reason: new UnsupportedError({
      feature,
      detail:
        detail ?? `the ${backend} backend does not have the feature "${feature}"; its capabilities say what it has`
    })
  })

/** Completes an implementation: what it leaves out fails with `UnsupportedError` before any side effect. */
export const make = (implementation: Implementation): Shape => {
  const refuse = (operation: string, feature: string) => {
    const fail = Effect.fail(unsupported(implementation.name, operation, feature))
    return () => fail
  }
  return {
    update: refuse("update", "update"),
    suspend: refuse("suspend", "suspend"),
    resume: refuse("resume", "suspend"),
    usage: refuse("usage", "usage"),
    notices: Stream.fail(unsupported(implementation.name, "notices", "notices")),
    startSnapshot: refuse("snapshotDisk", "snapshot"),
    getSnapshot: refuse("getSnapshot", "snapshot"),
    listSnapshots: refuse("listSnapshots", "snapshot"),
    updateSnapshot: refuse("updateSnapshot", "snapshot"),
    deleteSnapshot: refuse("deleteSnapshot", "snapshot"),
    sendStdin: refuse("sendStdin", "stdin"),
    openTerminal: refuse("pty", "pty"),
    createSshKey: refuse("createSshKey", "ssh"),
    enableTunnel: refuse("enableTunnel", "tunnel"),
    removeTunnel: refuse("removeTunnel", "tunnel"),
    dial: refuse("dial", "dial"),
    fetch: refuse("fetch", "fetch"),
    ...implementation
  }
}
