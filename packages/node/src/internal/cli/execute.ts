/**
 * A command inside that feels like one on this machine: bytes in and out as they are, Ctrl-C for it, its exit status ours, and
 * nothing of it left when we end.
 */
import type { Command, Devbox, Execution } from "@effect-devbox/core/DevboxHandle"
import { type ReadyError, WaitTimeout } from "@effect-devbox/core/DevboxError"
import type { ExecResult } from "@effect-devbox/core/ExecResult"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { fstatSync } from "node:fs"
import type { Devboxes } from "./backend.ts"
import { CommandStatus, hostError } from "./errors.ts"
import { printJson, write } from "./out.ts"
import { onInterrupt } from "./signals.ts"

/** How a command is run. */
export interface How {
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly shell?: string | undefined
  readonly timeout?: Duration.Duration | undefined
  /** Gives the command no input, whatever is there. */
  readonly noStdin?: boolean | undefined
  /** Collects the outputs into one JSON value instead of passing them on. */
  readonly json?: boolean | undefined
}

/** One word is text for bash; several are run as they are. */
export const toCommand = (words: ReadonlyArray<string>): Command => (words.length === 1 ? words[0]! : words)

/** Whether there is anything to read: not from `/dev/null`, nor from a stdin that is closed. */
const hasInput = (): boolean => {
  try {
    return process.stdin.isTTY || !fstatSync(0).isCharacterDevice()
  } catch {
    return false
  }
}

/** The command's stdin from ours. That it ends before it has read everything is its own affair; input that is lost is not. */
const feed = (execution: Execution, lost: Deferred.Deferred<never, ReadyError>) =>
  Stream.fromAsyncIterable<Uint8Array, ReturnType<ReturnType<typeof hostError>>>(
    process.stdin,
    hostError("reading from stdin")
  ).pipe(
    // A stdin of ours that cannot be read any more, such as a terminal that is gone, has ended.
    Stream.catch(() => Stream.empty),
    Stream.run(execution.stdin),
    Effect.catch((error) =>
      Effect.flatMap(execution.getState, ({ status }) =>
        status === "completed" ? Effect.void : Deferred.fail(lost, error)
      )
    ),
    Effect.ignore
  )

/** The first Ctrl-C is for the command, as in a terminal; another one ends it whatever it thinks of that. */
const interrupts = (execution: Execution, attached: boolean, killSignals: boolean) =>
  Effect.gen(function* () {
    const presses = yield* Queue.unbounded<void>()
    yield* onInterrupt(() => Queue.offerUnsafe(presses, undefined))
    const first = attached
      ? execution.signal("INTERRUPT")
      : execution.kill(killSignals ? { signal: "SIGINT" } : undefined)
    const last = execution.kill(killSignals ? { signal: "SIGKILL" } : undefined)
    // One that ended meanwhile cannot be interrupted any more.
    yield* Effect.forkScoped(
      Effect.andThen(Queue.take(presses), Effect.ignore(first)).pipe(
        Effect.andThen(Effect.forever(Effect.andThen(Queue.take(presses), Effect.ignore(last))))
      )
    )
  })

const deadline = (devbox: Devbox, timeout: Duration.Duration | undefined) =>
  timeout === undefined
    ? <A, E, R>(effect: Effect.Effect<A, E, R>) => effect
    : <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.timeoutOrElse(effect, {
          duration: timeout,
          orElse: () =>
            Effect.fail(
              new WaitTimeout({ operation: "the command", id: devbox.id, waitedMs: Duration.toMillis(timeout) })
            )
        })

const resultJson = (result: ExecResult) => ({
  devbox_id: result.devboxId,
  execution_id: result.executionId,
  exit_code: result.exitCode,
  signal: result.signal ?? null,
  failure_reason: result.failureReason ?? null,
  stdout: result.stdout,
  stderr: result.stderr,
  stdout_truncated: result.stdoutTruncated,
  stderr_truncated: result.stderrTruncated,
  duration_ms: Math.round(Duration.toMillis(result.duration))
})

/** Runs a command to its end; gives its exit status. */
export const execute = (devboxes: Devboxes, devbox: Devbox, words: ReadonlyArray<string>, how: How) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { features } = devboxes.capabilities
      const attached = how.noStdin !== true && features.has("stdin") && hasInput()
      const { cwd, env, shell } = how
      const execution = yield* devbox.cmd.execAsync(toCommand(words), { cwd, env, shell, attachStdin: attached })
      yield* interrupts(execution, attached, features.has("killSignals"))
      const lost = yield* Deferred.make<never, ReadyError>()
      if (attached) yield* Effect.forkScoped(feed(execution, lost))
      const outputs = yield* Effect.forkScoped(
        how.json === true
          ? Effect.void
          : Effect.all(
              [
                Stream.runForEach(execution.stdoutBytes, (chunk) => write("stdout", chunk)),
                Stream.runForEach(execution.stderrBytes, (chunk) => write("stderr", chunk))
              ],
              { concurrency: "unbounded", discard: true }
            )
      )
      // An output that nobody reads any more ends the command, as SIGPIPE would.
      const [result] = yield* deadline(
        devbox,
        how.timeout
      )(
        Effect.raceFirst(
          Effect.all([execution.result, Fiber.join(outputs)], { concurrency: "unbounded" }),
          Deferred.await(lost)
        )
      )
      if (how.json === true) yield* printJson(resultJson(result))
      return result.exitCode
    })
  )

/** Makes an exit status ours. */
export const exitWith = (exitCode: number): Effect.Effect<void, CommandStatus> =>
  exitCode === 0 ? Effect.void : Effect.fail(new CommandStatus({ exitCode }))
