/**
 * The handles that users hold: a devbox, a running command, a snapshot. Each is the service with an id filled in, needs
 * nothing from its surroundings, and can be dropped and rebuilt from the id. Interfaces only; `internal/handle.ts` binds them.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { Connection } from "./DevboxBackend.ts"
import type {
  BackendError,
  CommandFailed,
  ExecError,
  FileAccessError,
  LookupError,
  OutputError,
  ReadyError,
  ShutdownError,
  SnapshotError,
  WaitError
} from "./DevboxError.ts"
import type {
  CreateParams,
  DevboxId,
  DevboxInfo,
  LogEntry,
  NetworkMode,
  Notice,
  SnapshotId,
  Usage
} from "./DevboxModel.ts"
import type {
  Channel,
  ExecutionDetail,
  ExecutionId,
  ExecutionInfo,
  Signal,
  TerminalOptions,
  TerminalSize
} from "./Execution.ts"
import type { PortTunnel, SshKey, Tunnel } from "./Network.ts"
import type { Options as SshConfigOptions } from "./SshConfig.ts"
import type { SnapshotInfo, SnapshotState } from "./Snapshot.ts"
import type { ExecResult } from "./ExecResult.ts"

/** How long to wait and how often to look. Default: every second, for two minutes. */
export interface AwaitOptions {
  /** The deadline of the whole wait. */
  readonly timeout?: Duration.Input | undefined
  /** When to look again; the wait ends with `WaitTimeout` when the schedule does. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
}

/** How a handle works. */
export interface AttachOptions {
  /** What needs a devbox that runs (a command, a file, the network) resumes one that is suspended first. Default: it fails. */
  readonly autoResume?: boolean | undefined
}

/** When to send signs of life. */
export interface KeepAliveOptions {
  /** Default: three in the time that the devbox lives without one, at least every five minutes. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
}

/** What a devbox is to be. Everything may be left out. */
export interface CreateOptions extends AwaitOptions, AttachOptions {
  readonly name?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly from?:
    | { readonly snapshot: SnapshotId | string }
    | { readonly blueprint: string }
    | { readonly blueprintName: string }
    | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /**
   * Puts the trace that the creation is part of into the devbox's environment, as `TRACEPARENT` in W3C's form, so that what runs
   * there can go on with it; default false.
   */
  readonly propagateTrace?: boolean | undefined
  /** Environment variable → name of a stored secret. */
  readonly secrets?: Readonly<Record<string, string>> | undefined
  readonly entrypoint?: string | undefined
  /** The user that everything runs as; default `user` with id 1000. */
  readonly user?: { readonly username: string; readonly uid: number } | undefined
  readonly launchCommands?: ReadonlyArray<string> | undefined
  /** How long the devbox lives without `keepAlive`; default one hour, at most 48. */
  readonly keepAliveTime?: Duration.Input | undefined
  /**
   * How long a scoped devbox outlives an owner that vanished without a word, on a backend that does not end it with its owner:
   * it is created with this keep-alive time, which is renewed while the scope is open. Default 15 minutes there; `false` leaves
   * the end to the backend. Without effect when `keepAliveTime`, `afterIdle` or the launch parameters say how long it lives.
   */
  readonly ownerTimeout?: Duration.Input | false | undefined
  /** What happens after a time without activity; takes the place of the keep-alive time. */
  readonly afterIdle?: { readonly time: Duration.Input; readonly action: "suspend" | "shutdown" } | undefined
  readonly network?: NetworkMode | undefined
  /** The weakest isolation that is acceptable; default `"isolated"`. A weaker one is never chosen silently. */
  readonly minimumIsolation?: "isolated" | "container" | "process" | undefined
  readonly mounts?: CreateParams["mounts"] | undefined
  readonly tunnel?: TunnelInput | undefined
  /** Everything else of the launch parameters, and what the options above do not say. */
  readonly launchParameters?: CreateParams["launchParameters"] | undefined
  readonly gateways?: Readonly<Record<string, { readonly gateway: string; readonly secret: string }>> | undefined
  readonly mcp?: Readonly<Record<string, { readonly mcpConfig: string; readonly secret: string }>> | undefined
}

/**
 * What forks are to be. They are launched and kept apart as their source is, unless this says otherwise; its environment and
 * secrets no backend shows, so they are given again. The time to wait is for the snapshot, and again for each devbox.
 */
export interface ForkOptions extends Omit<CreateOptions, "from"> {
  /** How many are created at a time; default 10. */
  readonly concurrency?: number | undefined
}

/** How a tunnel is to be; default open. */
export interface TunnelInput {
  readonly authMode?: "open" | "authenticated" | undefined
  readonly httpKeepAlive?: boolean | undefined
  readonly wakeOnHttp?: boolean | undefined
}

/** A command: text for bash, or words that no shell sees. A redacted word appears in no error and no span. */
export type Command = string | ReadonlyArray<string | Redacted.Redacted>

/** How a command runs. */
export interface StartOptions {
  /** The persistent shell to run in; see `cmd.shell`. */
  readonly shell?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly cwd?: string | undefined
  /** Gives the command a stdin that can be written to; without it stdin is empty. */
  readonly attachStdin?: boolean | undefined
  /** The id of the command. The same id again is the same command. Default: a new UUIDv7. */
  readonly commandId?: ExecutionId | undefined
}

/** How a command runs to its end. */
export interface ExecOptions extends Omit<StartOptions, "attachStdin">, AwaitOptions {
  /** How many bytes of each output the result holds as text; default 1 MiB. Nothing is lost: the rest can be fetched. */
  readonly maxOutput?: number | undefined
  /** Called with each piece of stdout, in order, before the next is read. */
  readonly onStdout?: ((text: string) => Effect.Effect<void>) | undefined
  /** Called with each piece of stderr, in order, before the next is read. */
  readonly onStderr?: ((text: string) => Effect.Effect<void>) | undefined
}

/** How a command is ended. Without `signal`: SIGTERM, then SIGKILL after `grace` where the backend can. */
export interface KillOptions {
  /** Everything the command started, too. Default true. */
  readonly group?: boolean | undefined
  /** Without the feature `killSignals` those that ask for the end are the one kill there is, and others are unsupported. */
  readonly signal?: Signal | undefined
  /** Default two seconds. */
  readonly grace?: Duration.Input | undefined
}

/** A command that was started. */
export interface Execution {
  readonly id: ExecutionId
  readonly devboxId: DevboxId
  readonly getState: Effect.Effect<ExecutionInfo, LookupError>
  /** Waits for the end. Interrupting this does not end the command. */
  readonly result: Effect.Effect<ExecResult, ExecError>
  /** Text of each output from its beginning, each byte once, resumed by itself; can be run again. */
  readonly stdout: Stream.Stream<string, OutputError>
  readonly stderr: Stream.Stream<string, OutputError>
  /** The same by lines, without their ends (`\n`, `\r\n` or `\r`); the last one need not have an end. */
  readonly stdoutLines: Stream.Stream<string, OutputError>
  readonly stderrLines: Stream.Stream<string, OutputError>
  /** The same as bytes; what is not UTF-8 survives here. */
  readonly stdoutBytes: Stream.Stream<Uint8Array, OutputError>
  readonly stderrBytes: Stream.Stream<Uint8Array, OutputError>
  /** Both outputs as text, tagged, in arrival order where the backend knows it. */
  readonly output: Stream.Stream<{ readonly channel: Channel; readonly text: string }, OutputError>
  /**
   * The command's stdin; ends it when the stream ends. When the stream fails, or a piece of it cannot be given, stdin stays open:
   * `signal("EOF")` or `kill` is the caller's choice then. Fails when the end was not given to a command that still runs.
   */
  readonly stdin: Sink.Sink<void, string | Uint8Array, never, ReadyError>
  readonly send: (input: string | Uint8Array) => Effect.Effect<void, ReadyError>
  readonly signal: (signal: "EOF" | "INTERRUPT") => Effect.Effect<void, ReadyError>
  readonly kill: (options?: KillOptions) => Effect.Effect<ExecutionInfo, WaitError>
}

/** How a terminal is opened; 80 by 24 characters unless told otherwise. */
export type PtyOptions = Partial<TerminalOptions>

/** An interactive terminal in a devbox. It ends with the scope it was opened in, and everything in it. */
export interface Pty {
  readonly devboxId: DevboxId
  /**
   * What the terminal shows, each byte once: a reader goes on where the one before it stopped, so one at a time. It must be
   * read: what runs in the terminal waits when it is not.
   */
  readonly output: Stream.Stream<Uint8Array, ReadyError>
  /** The same as text; characters are whole across readers. */
  readonly text: Stream.Stream<string, ReadyError>
  /** What is typed. The end of the input is not the end of the terminal; Ctrl-D is `"\x04"`. */
  readonly input: Sink.Sink<void, string | Uint8Array, never, ReadyError>
  readonly send: (input: string | Uint8Array) => Effect.Effect<void, ReadyError>
  /** What runs in the terminal hears of its new size. */
  readonly resize: (size: TerminalSize) => Effect.Effect<void, ReadyError>
  /** The exit status of what runs in it. */
  readonly exit: Effect.Effect<number, ReadyError>
}

/** Running commands. */
export interface Cmd {
  /**
   * Runs a command to its end; the exit status is data. Interruption and timeout end the command and all it started; what a command
   * that ended by itself left behind goes on.
   */
  readonly exec: (command: Command, options?: ExecOptions) => Effect.Effect<ExecResult, ExecError>
  /** As `exec`; fails with `CommandFailed` when the exit status is not zero. */
  readonly execOrFail: (command: Command, options?: ExecOptions) => Effect.Effect<ExecResult, ExecError | CommandFailed>
  /** Starts a command, which is ended with the scope; so is what it left behind, also when the command itself is over. */
  readonly execAsync: (command: Command, options?: StartOptions) => Effect.Effect<Execution, ReadyError, Scope.Scope>
  /** Starts a command that nobody ends but itself, `kill`, or the end of the devbox. */
  readonly execDetached: (command: Command, options?: StartOptions) => Effect.Effect<Execution, ReadyError>
}

/** A persistent shell: folder, variables, functions and options stay; commands run one after another. */
export interface Shell extends Cmd {
  readonly name: string
}

/** What can be written to a file. */
export type Contents = string | Uint8Array

/** Files in a devbox. Paths are absolute, or relative to the home folder, or start with `~/`. */
export interface Files {
  /** A file as text; fails with `FileError` of kind `InvalidUtf8` when it is not text. */
  readonly read: (path: string) => Effect.Effect<string, FileAccessError>
  readonly write: (path: string, contents: string) => Effect.Effect<ExecutionDetail, FileAccessError>
  readonly upload: <E = never, R = never>(
    path: string,
    contents: Contents | Stream.Stream<Uint8Array, E, R>,
    options?: { readonly size?: number | undefined }
  ) => Effect.Effect<void, FileAccessError | E, R>
  readonly download: (path: string) => Effect.Effect<Uint8Array, FileAccessError>
  readonly downloadStream: (path: string) => Stream.Stream<Uint8Array, FileAccessError>
}

/** The tunnel of a devbox, with the address of each port. */
export interface TunnelHandle extends Tunnel {
  readonly url: (port: number) => string
}

/** An SSH key with the text that configures a client for it. */
export interface SshConfigured {
  readonly key: SshKey
  readonly text: string
}

/** The network of a devbox. */
export interface Net {
  readonly createSshKey: Effect.Effect<SshKey, ReadyError>
  /** A new SSH key, and the block of `ssh_config` that logs in with it once the key is written to `identityFile`. */
  readonly sshConfig: (options: SshConfigOptions) => Effect.Effect<SshConfigured, ReadyError>
  readonly enableTunnel: (options?: TunnelInput) => Effect.Effect<TunnelHandle, ReadyError>
  readonly getTunnel: Effect.Effect<TunnelHandle | undefined, LookupError>
  /** Ensures the tunnel and gives the URL of a port. Without the feature `perPortTunnel` other ports are reachable too. */
  readonly createTunnel: (port: number) => Effect.Effect<PortTunnel, ReadyError>
  /** Ends one port, or without an argument the tunnel. */
  readonly removeTunnel: (port?: number) => Effect.Effect<void, ReadyError>
  /** A byte stream to a port inside, on its loopback; it ends with its scope. A port where nobody listens is refused. */
  readonly dial: (port: number) => Effect.Effect<Connection, ReadyError, Scope.Scope>
  /** Waits until somebody listens on a port inside. Default: looks often at first, for two minutes. */
  readonly awaitPort: (port: number, options?: AwaitOptions) => Effect.Effect<void, WaitError>
  /** One HTTP request to a server on a port inside, without a tunnel; give a path, such as `HttpClientRequest.get("/")`. */
  readonly fetch: (port: number, request: HttpClientRequest) => Effect.Effect<HttpClientResponse, ReadyError>
}

/** Name, metadata and message of a snapshot. */
export interface SnapshotOptions {
  readonly name?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** At most 1000 characters. */
  readonly commitMessage?: string | undefined
}

/** A disk snapshot. */
export interface Snapshot {
  readonly id: SnapshotId
  readonly getInfo: Effect.Effect<SnapshotState, LookupError>
  readonly awaitCompleted: (options?: AwaitOptions) => Effect.Effect<SnapshotInfo, SnapshotError>
  readonly update: (options: SnapshotOptions) => Effect.Effect<SnapshotInfo, LookupError>
  readonly delete: Effect.Effect<void, LookupError>
  /** A scoped devbox that starts with this disk. */
  readonly createDevbox: (options?: Omit<CreateOptions, "from">) => Effect.Effect<Devbox, WaitError, Scope.Scope>
}

/** A devbox. */
export interface Devbox {
  readonly id: DevboxId
  readonly getInfo: Effect.Effect<DevboxInfo, LookupError>
  readonly awaitRunning: (options?: AwaitOptions) => Effect.Effect<DevboxInfo, WaitError>
  readonly awaitSuspended: (options?: AwaitOptions) => Effect.Effect<DevboxInfo, WaitError>
  /** Returns when accepted; wait with `awaitSuspended`. */
  readonly suspend: Effect.Effect<DevboxInfo, ReadyError>
  /** Returns when accepted; wait with `awaitRunning`. */
  readonly resume: Effect.Effect<DevboxInfo, ReadyError>
  readonly keepAlive: Effect.Effect<void, ReadyError>
  /** Runs an effect and keeps the devbox alive meanwhile; see `DevboxService.keepAliveWhile`. */
  readonly keepAliveWhile: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    options?: KeepAliveOptions
  ) => Effect.Effect<A, E | ReadyError, R>
  /** Notices that this devbox will be suspended or shut down. */
  readonly notices: Stream.Stream<Notice, BackendError>
  readonly update: (change: {
    readonly name?: string | undefined
    readonly metadata?: Readonly<Record<string, string>> | undefined
  }) => Effect.Effect<DevboxInfo, LookupError>
  readonly usage: Effect.Effect<Usage, LookupError>
  readonly logs: (filter?: {
    readonly executionId?: ExecutionId | undefined
    readonly shellName?: string | undefined
  }) => Effect.Effect<ReadonlyArray<LogEntry>, LookupError>
  /** Takes a snapshot and waits until it is complete. */
  readonly snapshotDisk: (
    options?: SnapshotOptions & AwaitOptions
  ) => Effect.Effect<Snapshot, SnapshotError | ShutdownError>
  /** Asks for a snapshot; wait with its `awaitCompleted`. */
  readonly snapshotDiskAsync: (options?: SnapshotOptions) => Effect.Effect<Snapshot, ReadyError | ShutdownError>
  /** So many devboxes from one instant of this one, until the scope closes; see `DevboxService.fork`. */
  readonly fork: (
    count: number,
    options?: ForkOptions
  ) => Effect.Effect<ReadonlyArray<Devbox>, SnapshotError | ShutdownError, Scope.Scope>
  readonly shutdown: (options?: { readonly force?: boolean | undefined }) => Effect.Effect<DevboxInfo, ShutdownError>
  /** `shutdown` without a result. */
  readonly close: Effect.Effect<void, ShutdownError>
  readonly cmd: Cmd & {
    /** A persistent shell; without a name it gets one of its own. */
    readonly shell: (name?: string) => Shell
    /** An interactive terminal, ended with the scope; needs the feature `pty`. */
    readonly pty: (options?: PtyOptions) => Effect.Effect<Pty, ReadyError, Scope.Scope>
  }
  readonly file: Files
  readonly net: Net
}
