/** What a memory backend remembers, as types: the world, its devboxes, their named shells, and snapshots. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type {
  CreateParams,
  DevboxId,
  DevboxInfo,
  DevboxStatus,
  LogEntry,
  Notice,
  SnapshotId,
  StateTransition
} from "../../DevboxModel.ts"
import type { ExecutionId } from "../../Execution.ts"
import type { Tunnel } from "../../Network.ts"
import type { SnapshotInfo, SnapshotState } from "../../Snapshot.ts"
import type { TunnelPorts } from "../../TunnelPorts.ts"
import type { ShellState } from "./builtins.ts"
import type * as Changed from "./changed.ts"
import type { Execution } from "./execution.ts"
import type * as Files from "./files.ts"
import type { Server, Site } from "./process.ts"
import type { Command } from "./script.ts"

/** A named shell: one command at a time, in the order they were asked for. */
export interface NamedShell {
  state: ShellState
  /** The one before it was ended, by a command or a kill. */
  restarted: boolean
  readonly waiting: Array<() => void>
  busy: boolean
  draining: boolean
}

/** A snapshot as the backend holds it. */
export interface Held {
  readonly number: number
  info: SnapshotInfo
  status: SnapshotState["status"]
  errorMessage: string | undefined
  files: Files.FileTree
  readonly fail: (detail: string) => void
}

/** The fields that say why a devbox ended. */
export type Word = "failureReason" | "shutdownReason"

/** One devbox. */
export interface Box {
  readonly id: DevboxId
  readonly number: number
  readonly params: CreateParams
  readonly createTimeMs: number
  readonly changed: Changed.Changed
  name: string | undefined
  metadata: Readonly<Record<string, string>>
  status: DevboxStatus
  readonly transitions: Array<StateTransition>
  reasons: Pick<DevboxInfo, Word>
  endTimeMs: number | undefined
  readonly files: Files.FileTree
  readonly executions: Map<ExecutionId, Execution>
  /** What runs in terminals. */
  readonly terminals: Set<Execution>
  readonly shells: Map<string, NamedShell>
  readonly listeners: Map<number, Server>
  readonly logs: Array<LogEntry>
  tunnel: Tunnel | undefined
  tunnelPorts: TunnelPorts | undefined
  /** Snapshots in progress. */
  readonly saving: Set<SnapshotId>
  /** Since when the keep-alive time runs, and when something last happened. */
  aliveFromMs: number
  activeAtMs: number
  /** Milliseconds spent running before the present stretch, and when that began. */
  ranMs: number
  runsSinceMs: number | undefined
  /** The deadline that was given notice of. */
  noticedMs: number | undefined
  /** What looks still see, and how many of them. */
  stale: { readonly info: DevboxInfo; looks: number } | undefined
}

/** A state that a devbox or snapshot passes through, and that a test can make it stay in. */
export type Phase = "provisioning" | "suspending" | "resuming" | "snapshot"

/** What the options of the backend come to. */
export interface Settings {
  readonly name: string
  readonly delays: Readonly<Record<Phase, Duration.Duration>>
  readonly commands: ReadonlyArray<Command>
  readonly servers: Readonly<Record<number, Server>>
  readonly sites: Readonly<Record<number, Site>>
  readonly diskBytes: number
  /** How many devboxes that are over, snapshots that were deleted, and calls are remembered. */
  readonly remembered: number
}

/** Everything that exists in one memory backend, its clock, and the fibers that work in it. */
export interface World {
  readonly settings: Settings
  readonly boxes: Map<DevboxId, Box>
  /** Those that are over, in that order. */
  readonly over: Array<DevboxId>
  readonly snapshots: Map<SnapshotId, Held>
  /** Those that were deleted, in that order. */
  readonly deleted: Array<SnapshotId>
  /** By the order they were given in; those of devboxes that are over are removed. */
  readonly notices: Map<number, Notice>
  readonly noticed: Changed.Changed
  /** Phases that are held by a test. */
  readonly held: Set<Phase>
  readonly released: Changed.Changed
  /** How many looks after a change still see what was before it. */
  lag: number
  readonly now: () => number
  /** The next number, for ids that are the same in every run. */
  readonly next: () => number
  /** Runs something beside the calls, in the backend's own clock, until the backend's scope closes. */
  readonly fork: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown>
}
