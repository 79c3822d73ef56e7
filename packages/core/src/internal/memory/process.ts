/** A running command as its program sees it: what it was called with, its three streams, its disk, its signals. */
import type * as Effect from "effect/Effect"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import type * as Stream from "effect/Stream"
import type { DevboxId } from "../../DevboxModel.ts"
import type { ExecutionId, Signal, TerminalSize } from "../../Execution.ts"
import type { FileTree } from "./files.ts"

/** How a program ends: with an exit status, or by a signal. */
export type Exit = number | Signal

/** What a program does. */
export type Program = (process: Process) => Effect.Effect<Exit>

/** A program behind a port: what it sends, given what it receives. */
export type Server = (received: Stream.Stream<Uint8Array>) => Stream.Stream<Uint8Array>

/** The terminal that a program runs in. */
export interface Tty {
  readonly size: Effect.Effect<TerminalSize>
  /** Each new size. */
  readonly resized: Stream.Stream<TerminalSize>
  /** From now on the program is given every key as it is typed, and shows for itself what should be seen. */
  readonly raw: Effect.Effect<void>
}

/** An HTTP server behind a port: what it answers. */
export type Site = (request: HttpClientRequest) => Effect.Effect<HttpClientResponse>

/** See above. */
export interface Process {
  readonly devboxId: DevboxId
  readonly executionId: ExecutionId
  /** The command as text, for a command of words joined by spaces. */
  readonly command: string
  readonly words: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** The named shell it runs in. */
  readonly shell: string | undefined
  readonly stdout: (data: string | Uint8Array) => Effect.Effect<void>
  readonly stderr: (data: string | Uint8Array) => Effect.Effect<void>
  /** Empty unless the execution was started with `attachStdin`. */
  readonly stdin: Stream.Stream<Uint8Array>
  /** The live disk of the devbox. */
  readonly files: FileTree
  /** From now on these signals do not end the command. `SIGKILL` cannot be ignored. */
  readonly ignore: (signals: ReadonlyArray<Signal>) => Effect.Effect<void>
  /** Does something beside the command, and after its end if need be: until it is over, killed with the group, or the devbox ends. */
  readonly background: (work: Effect.Effect<unknown>) => Effect.Effect<void>
  /** What it runs in when it was started by `pty`; both outputs and stdin are the terminal then. */
  readonly terminal: Tty | undefined
  /** Answers connections to a port until the command ends. */
  readonly listen: (port: number, server: Server) => Effect.Effect<void>
}

const numbers: Readonly<Record<Signal, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15
}

/** The exit status of a death by a signal. */
export const exitCode = (exit: Exit): number => (typeof exit === "number" ? exit & 0xff : 128 + numbers[exit])

/** The signal that a word such as `9`, `KILL` or `SIGKILL` means. */
export const signalNamed = (word: string): Signal | undefined =>
  (Object.keys(numbers) as Array<Signal>).find(
    (signal) => signal === word || signal === `SIG${word}` || String(numbers[signal]) === word
  )
