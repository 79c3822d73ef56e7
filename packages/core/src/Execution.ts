/**
 * A command in a devbox as data: its ids, what is known of it, its output in bytes, its result. Values only; the running
 * command's handle is in `DevboxHandle.ts`. The source of every wire field is PROTOCOL P6.
 */
import * as Schema from "effect/Schema"
import { DevboxId } from "./DevboxModel.ts"
import { nullish, openEnum, snakeCase } from "./internal/snakeCase.ts"

/** The id of an execution: a UUIDv7 that the caller mints, so that one id is one command. */
export const ExecutionId = Schema.String.pipe(Schema.brand("effect-devbox/ExecutionId"))
export type ExecutionId = typeof ExecutionId.Type

/** Where a command stands. */
export const ExecutionStatus = openEnum(["queued", "running", "completed"])
export type ExecutionStatus = typeof ExecutionStatus.Type

/**
 * What a backend says about a command. `stdout` and `stderr` are at most the last `lastLines` lines and are flagged when
 * anything is missing from them. Fields below `shellName` are ours: exact byte counts, and why it ended.
 */
export class ExecutionInfo extends Schema.Class<ExecutionInfo>("effect-devbox/ExecutionInfo")({
  devboxId: DevboxId,
  executionId: ExecutionId,
  status: ExecutionStatus,
  exitStatus: nullish(Schema.Int),
  stdout: nullish(Schema.String),
  stderr: nullish(Schema.String),
  stdoutTruncated: nullish(Schema.Boolean),
  stderrTruncated: nullish(Schema.Boolean),
  shellName: nullish(Schema.String),
  stdoutBytes: nullish(Schema.Int),
  stderrBytes: nullish(Schema.Int),
  /** The signal that ended the command, such as `SIGKILL`, where it is known. */
  signal: nullish(Schema.String),
  failureReason: nullish(openEnum(["out_of_memory", "shell_died", "owner_died", "devbox_ended"])),
  /** The named shell was started afresh for this command, because the one before it had died. */
  shellRestarted: nullish(Schema.Boolean),
  startTimeMs: nullish(Schema.Int),
  endTimeMs: nullish(Schema.Int)
}) {}

/** The JSON form of {@link ExecutionInfo}. */
export const ExecutionInfoJson = snakeCase(ExecutionInfo)

/** The outcome of a command that a file operation ran for you. */
export class ExecutionDetail extends Schema.Class<ExecutionDetail>("effect-devbox/ExecutionDetail")({
  devboxId: DevboxId,
  exitStatus: Schema.Int,
  stdout: Schema.String,
  stderr: Schema.String,
  shellName: nullish(Schema.String)
}) {}

/** The JSON form of {@link ExecutionDetail}. */
export const ExecutionDetailJson = snakeCase(ExecutionDetail)

/** One of the two outputs of a command. */
export type Channel = "stdout" | "stderr"

/** How many bytes of each output were already seen: where reading starts. */
export interface OutputCursor {
  readonly stdout: number
  readonly stderr: number
}

/** Reading from the beginning. */
export const cursorStart: OutputCursor = { stdout: 0, stderr: 0 }

/**
 * A piece of output. It covers the bytes from `start` to `end` of its channel; `end` is the cursor to resume from. On a
 * backend without the feature `exactBytes` the text was re-encoded, so `bytes.length` may differ from `end - start`.
 */
export interface OutputChunk {
  readonly _tag: "Chunk"
  readonly channel: Channel
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** The output is complete: no channel that was read has more bytes than this. */
export interface OutputEnd {
  readonly _tag: "End"
  readonly stdout?: number | undefined
  readonly stderr?: number | undefined
}

/** What reading output yields: chunks, then an end when the command is over. A read that just stops was cut off. */
export type OutputEvent = OutputChunk | OutputEnd

/** A signal that a backend with the feature `killSignals` can send. */
export type Signal = "SIGTERM" | "SIGKILL" | "SIGINT" | "SIGHUP" | "SIGQUIT" | "SIGUSR1" | "SIGUSR2"

/** What can be given to the stdin of a command that was started with `attachStdin`. */
export type StdinInput = { readonly bytes: Uint8Array } | { readonly signal: "EOF" | "INTERRUPT" }

/** The size of a terminal in characters, each from 1 to 1000. */
export interface TerminalSize {
  readonly cols: number
  readonly rows: number
}

/** How a terminal is opened. */
export interface TerminalOptions extends TerminalSize {
  /** What runs in it, read by bash. Default: an interactive login shell. */
  readonly command?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly cwd?: string | undefined
}
