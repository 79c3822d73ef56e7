/** The result of a command: its exit status as data, a bounded preview of its outputs, and ways to fetch the rest. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { OutputError } from "./DevboxError.ts"
import type { DevboxId } from "./DevboxModel.ts"
import type { ExecutionId } from "./Execution.ts"

/** What came of a command. */
export interface ExecResult {
  readonly devboxId: DevboxId
  readonly executionId: ExecutionId
  /** 128 + n after the death by signal n. */
  readonly exitCode: number
  /** The signal that ended it, such as `SIGKILL`, where the backend knows. */
  readonly signal: string | undefined
  /** Why it ended, when that is more than an exit status: `out_of_memory`, `shell_died`. */
  readonly failureReason: string | undefined
  /** The last `maxOutput` bytes of stdout as text; what is not UTF-8 is replaced by U+FFFD here. */
  readonly stdout: string
  readonly stderr: string
  /** Whether `stdout` lacks the beginning of the output. */
  readonly stdoutTruncated: boolean
  readonly stderrTruncated: boolean
  /** From start to end, as the caller of `exec` saw it; of a command that was started before, as the backend saw it where it says. */
  readonly duration: Duration.Duration
  readonly succeeded: boolean
  /**
   * The whole output, or its last `lines` lines without the newlines at the end; fetched when it is not at hand. What is larger than a
   * string can be (half a gigabyte) is for the streams.
   */
  readonly allStdout: (lines?: number) => Effect.Effect<string, OutputError>
  readonly allStderr: (lines?: number) => Effect.Effect<string, OutputError>
  readonly stdoutStream: Stream.Stream<string, OutputError>
  readonly stderrStream: Stream.Stream<string, OutputError>
  readonly stdoutBytes: Stream.Stream<Uint8Array, OutputError>
  readonly stderrBytes: Stream.Stream<Uint8Array, OutputError>
}
