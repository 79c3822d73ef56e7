// The surface of the sandbox room: what a host can do, how a box is described, and what a running box offers.
// Types only. Plain promises and AsyncIterables: this is the hot path under LocalBackend, which wraps it in Effect.
import type { Channel, Journal } from "../journal/types.ts"
import type { GroupParents, GroupPlan } from "./groups.ts"

/** `isolated`: own namespaces, root filesystem and process tree. `process`: an ordinary process group, no isolation. */
export type Tier = "isolated" | "process"
/** The program that builds the sandbox. */
export type Launcher = "bubblewrap" | "util-linux" | "process"
/** `proxy` and `user` are private networks like `none`; what lets traffic out of them is started by the network room. */
export type NetworkMode = "none" | "proxy" | "user" | "host"
/** How far a limit reaches on this host. */
export type LimitReach = "enforced" | "perProcess" | "unavailable"

export interface ProbeOptions {
  /** Overlays are tried on this directory's file system. It is created when missing. */
  readonly stateDir: string
  /** Path of bubblewrap, or false to hide it. Default: found on PATH unless EFFECT_DEVBOX_BUBBLEWRAP=off. */
  readonly bubblewrap?: string | false | undefined
  /** Skip all isolation probes and report the process tier. */
  readonly tier?: "process" | undefined
  /** The unprivileged uid and gid that boxes run as when this process is root. */
  readonly dropUid?: number | undefined
  /** Per-probe deadline (default 5000). */
  readonly timeoutMs?: number | undefined
}

/** One real operation that was tried on this host. */
export interface Probe {
  readonly name: string
  readonly ok: boolean
  readonly ms: number
  /** What was printed when it failed, or the version or path when it worked. */
  readonly detail: string
  /** What to install or set, when it failed and somebody can do something about it. */
  readonly cure?: string | undefined
}

export interface HostReport {
  readonly tier: Tier
  readonly launcher: Launcher
  readonly probes: ReadonlyArray<Probe>
  /** The probe that keeps this host from the isolated tier. */
  readonly blockedBy?: Probe | undefined
  /** The caller is root, so boxes run as `uid` instead. */
  readonly drops: boolean
  /** The kernel uid and gid that boxes run as. */
  readonly uid: number
  readonly gid: number
  /** Absolute paths of the tools that were found. */
  readonly tools: Readonly<Record<string, string | undefined>>
  readonly limits: {
    readonly memory: LimitReach
    readonly pids: LimitReach
    readonly cpu: LimitReach
    readonly disk: LimitReach
  }
  /** Where control groups can be made. */
  readonly groups: GroupParents
  readonly ms: number
}

/** The read-only base root file system, made once per state directory, host and uid. */
export interface Base {
  /** Absolute path, `<stateDir>/base/<fingerprint>-<uid>`. */
  readonly dir: string
  /** Changes when the host's system changes; snapshots remember it. */
  readonly fingerprint: string
  /** The agent's files, bound read-only into every box. */
  readonly scripts: string
  /** An empty directory; each box mounts its root there, in a mount namespace of its own. */
  readonly mountPoint: string
  /** Host path bound at `/opt/node` (a prefix) or `/opt/node/bin/node` (a file); undefined when Node cannot be shared. */
  readonly node: { readonly path: string; readonly kind: "prefix" | "file" } | undefined
}

/** Limits set on each process with ulimit. */
export interface ProcessLimits {
  readonly memoryBytes?: number | undefined
  readonly processes?: number | undefined
  readonly cpuSeconds?: number | undefined
  readonly fileSizeBytes?: number | undefined
  readonly openFiles?: number | undefined
}

export interface BoxSpec {
  readonly id: string
  /** `<stateDir>/boxes/<id>`; missing directories in it are created. Its file system holds the box's writes. */
  readonly dir: string
  /** Directory that relative `lower` names are taken from. */
  readonly layersDir: string
  /** Read-only layers, top first, base last: names in `layersDir` or absolute paths. */
  readonly lower: ReadonlyArray<string>
  /** Where the box writes: a name in `layersDir`. Default: `upper` in its own directory. */
  readonly upper?: string | undefined
  readonly report: HostReport
  readonly base: Base
  readonly network: NetworkMode
  /** Environment of every command, on top of HOME, USER, PATH, … */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Who runs in an isolated box, where that is not `user` with the number 1000; its home has to be there. */
  readonly user?: { readonly uid: number; readonly username: string; readonly home: string } | undefined
  /** Default "devbox". */
  readonly hostname?: string | undefined
  /** Bounds of each of the box's processes, and of their number (default 4096). */
  readonly limits?: ProcessLimits | undefined
  /** Control groups that the box lives in. */
  readonly groups?: GroupPlan | undefined
  /** Deadline for the box to answer (default 20000 ms). */
  readonly startTimeoutMs?: number | undefined
}

export interface ExecRequest {
  /** Letters, digits, `-` and `_`, at most 64; unique in the box. */
  readonly id: string
  /** Text for bash (sh where the box has no bash), or exact words that no shell looks at. */
  readonly command: string | ReadonlyArray<string>
  /** Default: the home directory. Relative paths are taken from there. */
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Attach a stdin; otherwise it is /dev/null. */
  readonly stdin?: boolean | undefined
  /** `journal`: to disk (default). `pipe`: stdout goes to `stdoutPipe` with back-pressure; stderr still to the journal. */
  readonly stdout?: "journal" | "pipe" | undefined
  /** Run in the persistent shell of this name, after everything queued there before. */
  readonly shellName?: string | undefined
  readonly limits?: ProcessLimits | undefined
}

export interface ExecDone {
  readonly code: number
  /** Promised output lengths. With `pipe`, stdoutBytes is 0. */
  readonly stdoutBytes: number
  readonly stderrBytes: number
  /** The command ended its named shell; the next one gets a fresh shell. */
  readonly shellDied: boolean
  /** The command was the first one of a new shell. */
  readonly shellFresh: boolean
  /** While it ran the kernel ended a process of the box for lack of memory; `cause`: and that is why it failed. */
  readonly outOfMemory: "no" | "seen" | "cause"
}

export interface ExecStdin {
  /** Resolves when the bytes are in the pipe; rejects with `ExecStdinClosedError` when the command has ended. */
  write(bytes: Uint8Array): Promise<void>
  /** End of file, after everything written before. */
  end(): Promise<void>
}

/** All promises reject with `ExecStartError` (never started) or `BoxClosedError` (box gone). */
export interface BoxExecution {
  readonly id: string
  readonly started: Promise<{ readonly pid: number }>
  /** The command's own process ended. `lingering`: its process group still has members. */
  readonly exited: Promise<{ readonly code: number; readonly lingering: boolean }>
  /** The output is complete (the grace for lingering processes is over) and its length is fixed. */
  readonly done: Promise<ExecDone>
  readonly stdin?: ExecStdin | undefined
  /** Can be iterated once; leaving the loop early gives the command SIGPIPE. */
  readonly stdoutPipe?: AsyncIterable<Uint8Array> | undefined
}

export interface KillOptions {
  /** Name without SIG (default "KILL"). */
  readonly signal?: string | undefined
  /** true: every process of the execution, wherever it went. false: the command's own process. */
  readonly group: boolean
}

export interface KillOutcome {
  /** Processes found by searching and signalled; the process group of a running command that is killed goes without a search. */
  readonly signalled: number
  /** Processes of the execution that are still there (after KILL: 0 unless something is wrong). */
  readonly remaining: number
}

/** Names in the layers directory; what is not needed is not made. */
export interface SavePlan {
  /** The new upper layer, when the old one can become read-only: nothing of the user's runs. */
  readonly rotateTo: string
  /** Where the writes are copied to while the box stands still, otherwise. */
  readonly copyTo: string
  /** The old upper layer is read-only from now on; the box comes back meanwhile. */
  readonly onRotate?: (() => void) | undefined
}

/** How a disk was saved, and how long the box stood still for it. */
export interface Saved {
  readonly method: "rotate" | "reflink" | "copy"
  readonly pausedMs: number
}

export interface BoxClosed {
  readonly code: number | null
  readonly signal: string | null
  /** Last text that the launcher printed on stderr. */
  readonly stderr: string
  /** The kernel ended a process of the box for lack of memory, and no command that ended explains it. */
  readonly outOfMemory?: boolean | undefined
}

/** What it takes to enter the network of an isolated box that has one of its own. */
export interface Entrance {
  readonly userPid: number
  readonly pid: number
  /** The network namespace's number: a pid may belong to somebody else by the time it is used. */
  readonly inode: number
}

/** Gets text as it comes: not by lines. */
export type LateListener = (executionId: string, channel: Channel, text: string) => void

export interface Box {
  readonly id: string
  readonly dir: string
  readonly tier: Tier
  readonly launcher: Launcher
  /** Host pid of pid 1 inside the box; undefined in the process tier. */
  readonly pid: number | undefined
  /**
   * Host pid of a process in the user namespace that owns the box's network and mounts. To enter without being root:
   * `nsenter --user=/proc/<userPid>/ns/user --preserve-credentials --net=/proc/<pid>/ns/net`.
   */
  readonly userPid: number | undefined
  /** The way into its network; undefined in the process tier. */
  readonly entrance: Entrance | undefined
  /** Calls back each time when its processes are new ones, in a new network, as after a snapshot. */
  onRestart(listener: () => void): void
  readonly journal: Journal
  /** Ids of executions that have not ended; after attaching, also those that others started. */
  readonly running: () => ReadonlyArray<string>
  exec(request: ExecRequest): BoxExecution
  /** Who hears what background children of a command print after its output has ended; until then nobody does. */
  onLate(listener: LateListener): void
  /** Follows an execution that another process started in a detached box; undefined when it is not running. */
  adopt(executionId: string): BoxExecution | undefined
  kill(executionId: string, options: KillOptions): Promise<KillOutcome>
  /** Stops every process but the agent (SIGSTOP); `thaw` continues them. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  ping(): Promise<void>
  /** Saves what the box wrote so far, as of one instant. Only whoever owns the box can. */
  save(plan: SavePlan): Promise<Saved>
  /** Asks the holder's program something, in its own words; see `HolderOptions.onOrder`. Not for a box of this process. */
  order(text: string): Promise<string>
  /** Ends the box and waits until none of its processes is left. For an attached box: ends it for everybody. */
  stop(): Promise<void>
  /** Lets go: an attached box lives on; a scoped box stops. */
  detach(): Promise<void>
  readonly closed: Promise<BoxClosed>
  /** The process that has the box is gone, or this one has let go of it: for a box of a holder later than `closed`. */
  readonly left: Promise<void>
}

/** The line channel between a box driver and the box's owner: in this process, or a holder's socket. */
export interface AgentLink {
  send(line: string): void
  /** Sends a line about a command of a named shell together with what the shell is to read; only within one process. */
  sendScript?(line: string, script: string): void
  onLine(listener: (line: string) => void): void
  readonly closed: Promise<BoxClosed>
  /** Socket link: the holder's process is gone, or this one has disconnected. */
  readonly left?: Promise<void>
  /** Child link: ends the box. Socket link: disconnects. */
  close(): Promise<void>
  save?(plan: SavePlan): Promise<Saved>
}

/** What a holder tells its host program, so that exits are on record when no client is there. */
export interface HolderOptions {
  readonly spec: BoxSpec
  readonly socketPath: string
  readonly onStart?: ((executionId: string, pid: number) => void) | undefined
  readonly onExit?: ((executionId: string, done: ExecDone) => void) | undefined
  /** An execution never started (the reason) or was cut off by the end of the box. */
  readonly onFailed?: ((executionId: string, reason: string) => void) | undefined
  /** A client asks for something that is no command: the words mean what the host program says. */
  readonly onOrder?: ((text: string) => Promise<string>) | undefined
  /** A client has gone, perhaps in the middle of something. */
  readonly onLeave?: (() => void) | undefined
}

export interface Holder {
  /** The box, for the program that holds it. */
  readonly box: Box
  /** Resolves when the box is gone. */
  readonly closed: Promise<BoxClosed>
  /** Whether an execution is in its hands: running, or waiting for its turn. */
  has(executionId: string): boolean
  /** Ends the box. */
  stop(): Promise<void>
}

/** The exported functions, by file. */
export interface SandboxModule {
  /** probe.ts */ probeHost(options: ProbeOptions): Promise<HostReport>
  /** base.ts */ ensureBase(stateDir: string, report: HostReport): Promise<Base>
  /** box.ts */ startBox(spec: BoxSpec): Promise<Box>
  /** box.ts */ attachBox(spec: BoxSpec, socketPath: string): Promise<Box>
  /** holder.ts */ runHolder(options: HolderOptions): Promise<Holder>
  /** remove.ts */ removeBoxDir(dir: string, trashDir: string): Promise<void>
}
