/** Commands: start at most once, wait, show what came of it, and end everything that belongs to them when nobody waits any more. */
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as CommandLine from "effect/process/CommandLine"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { type Shape, type StartExecution, unsupported } from "../../DevboxBackend.ts"
import { CommandFailed, type ExecError, type OutputError, type ReadyError, type WaitError } from "../../DevboxError.ts"
import type { Command, ExecOptions, KillOptions, StartOptions } from "../../DevboxHandle.ts"
import { report } from "../../DevboxLeaks.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { type Channel, ExecutionId, type ExecutionInfo } from "../../Execution.ts"
import type { ExecResult } from "../../ExecResult.ts"
import { decodeText } from "../decode.ts"
import { defined } from "../defined.ts"
import { doubted, isAmbiguous } from "../doubt.ts"
import type { Giving, Restore } from "../give.ts"
import { withinBudget } from "../release.ts"
import { idempotent, keyed, once } from "../retry.ts"
import { tail } from "../tail.ts"
import { makeResult } from "./result.ts"
import { awaitExecution } from "./waits.ts"

const grace = Duration.seconds(2)
/** How long the confirmation of a kill may take before it counts as unconfirmed. */
const confirmation = Duration.seconds(10)

/** The command as errors and spans may show it: redacted words stay hidden. */
export const display = (command: Command): string =>
  typeof command === "string" ? command : CommandLine.display(command)

/** The start of a command: the call, whether it may be sent again in doubt, and whether it may have been carried out. */
const starting = (backend: Shape, id: DevboxId, command: Command, options: StartOptions, commandId: ExecutionId) => {
  const params: StartExecution = {
    commandId,
    command:
      typeof command === "string"
        ? command
        : command.map((word) => (Redacted.isRedacted(word) ? Redacted.value(word) : word)),
    shell: options.shell,
    attachStdin: options.attachStdin,
    env: options.env,
    cwd: options.cwd
  }
  const sending = doubted(backend.startExecution(id, params))
  // Some refuse an id that is taken (PROTOCOL P17). When an earlier sending may have taken it, that is how it went.
  const call = Effect.catch(sending.call, (error) =>
    sending.inDoubt() && !isAmbiguous(error)
      ? Effect.mapError(backend.getExecution(id, commandId), () => error)
      : Effect.fail(error)
  )
  return { call: isSafe(backend, options) ? keyed(call) : once(sending.call), inDoubt: sending.inDoubt }
}

/** Whether the caller's id makes a second sending harmless: not where the backend cannot carry it (PROTOCOL P6: stdin). */
const isSafe = (backend: Shape, { attachStdin }: StartOptions): boolean =>
  attachStdin !== true || backend.capabilities.features.has("idempotentStdin")

/** Ends a command: by degrees where the backend knows signals, with all it started unless told otherwise; waits for the end. */
export const kill = (
  backend: Shape,
  id: DevboxId,
  executionId: ExecutionId,
  options: KillOptions = {}
): Effect.Effect<ExecutionInfo, WaitError> => {
  const group = options.group ?? true
  const completed = (timeout: Duration.Input) =>
    // A command without an exit status has ended, too.
    awaitEnd(backend, id, executionId, timeout)
  if (options.signal !== undefined) {
    const { signal } = options
    // Some programs take these as news, and go on.
    if (/HUP|USR/.test(signal) && !backend.capabilities.features.has("killSignals")) {
      return Effect.fail(unsupported(backend.name, "kill", "killSignals"))
    }
    return keyed(backend.kill(id, executionId, { group, signal }))
  }
  const last = idempotent(backend.kill(id, executionId, { group, signal: "SIGKILL" })).pipe(
    Effect.andThen(completed(confirmation))
  )
  if (!backend.capabilities.features.has("killSignals")) return last
  return idempotent(backend.kill(id, executionId, { group, signal: "SIGTERM" })).pipe(
    Effect.andThen(completed(options.grace ?? grace)),
    // What the command left behind may ignore TERM although the command itself is gone.
    Effect.andThen((info) => (group ? last : Effect.succeed(info))),
    // A TERM that went wrong is no reason not to try the harder way.
    Effect.catchTag(["WaitTimeout", "BackendError"], () => last)
  )
}

const awaitEnd = (backend: Shape, id: DevboxId, executionId: ExecutionId, timeout: Duration.Input) =>
  awaitExecution(backend, id, executionId, { timeout }, Effect.succeed).pipe(
    Effect.catch((error): Effect.Effect<ExecutionInfo, WaitError> =>
      error._tag === "WaitTimeout" ? Effect.fail(error) : idempotent(backend.getExecution(id, executionId))
    )
  )

/** Whether a command is known to be over. */
export const isOver = (backend: Shape, id: DevboxId, executionId: ExecutionId): Effect.Effect<boolean> =>
  idempotent(backend.getExecution(id, executionId)).pipe(
    Effect.map((info) => info.status === "completed"),
    Effect.catch((error) => Effect.succeed(error._tag === "ResourceNotFound"))
  )

const reporting = (backend: Shape, id: DevboxId, executionId: string) => (detail: string) =>
  report({ resource: "execution", id: executionId, devboxId: id, backend: backend.name, detail })

/** Ends a command that nobody waits for any more; cannot fail, so what is not confirmed is reported. */
export const abandon = (
  backend: Shape,
  id: DevboxId,
  executionId: ExecutionId,
  options?: KillOptions
): Effect.Effect<void> => {
  const unconfirmed = reporting(backend, id, executionId)
  return withinBudget(
    kill(backend, id, executionId, options).pipe(
      Effect.asVoid,
      // A devbox or execution that is gone has no processes.
      Effect.catchTag(["ResourceNotFound", "DevboxNotReady"], () => Effect.void),
      Effect.catchCause((cause) =>
        Effect.flatMap(isOver(backend, id, executionId), (over) =>
          over ? Effect.void : unconfirmed(`killing it failed: ${String(cause)}`)
        )
      )
    ),
    unconfirmed
  )
}

/**
 * The start of a command may still be on its way when a kill finds nothing to kill. Whoever comes second with an id runs nothing, so
 * the id is taken: by a command that does nothing, or it turns out to be taken already.
 */
const forestall = (backend: Shape, id: DevboxId, commandId: ExecutionId): Effect.Effect<void> =>
  withinBudget(
    Effect.ignore(idempotent(backend.startExecution(id, { commandId, command: ["true"] }))),
    reporting(backend, id, commandId)
  )

/** Starts a command; when that fails in doubt it may run, and is ended like one that was started. */
const ownedStart = (backend: Shape, id: DevboxId, command: Command, options: StartOptions, restore: Restore) =>
  Effect.suspend(() => {
    const commandId = options.commandId ?? ExecutionId.make(SecureRandom.uuidV7Unsafe())
    const { call, inDoubt } = starting(backend, id, command, options, commandId)
    return Effect.onError(restore(call), () =>
      !inDoubt()
        ? Effect.void
        : isSafe(backend, options)
          ? Effect.andThen(forestall(backend, id, commandId), abandon(backend, id, commandId))
          : reporting(backend, id, "of unknown id")("the answer to its start was lost")
    )
  })

/** Starts a command and leaves it to itself; one that the caller cannot know of is ended. */
export const startDetached = (
  backend: Shape,
  id: DevboxId,
  command: Command,
  options: StartOptions = {},
  { restore, undoBy }: Giving
): Effect.Effect<ExecutionInfo, ReadyError> =>
  Effect.suspend(() => {
    // Who gave the id can find the command by it, and may have meant one that runs already.
    if (options.commandId !== undefined && isSafe(backend, options)) {
      return restore(starting(backend, id, command, options, options.commandId).call)
    }
    return Effect.map(ownedStart(backend, id, command, options, restore), (info) => {
      undoBy(abandon(backend, id, info.executionId))
      return info
    })
  })

/** Starts a command that ends with the scope, and what it left behind when it is over by then. */
export const startScoped = (backend: Shape, id: DevboxId, command: Command, options: StartOptions = {}) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.acquireRelease(ownedStart(backend, id, command, options, restore), (info) =>
      Effect.flatMap(isOver(backend, id, info.executionId), (over) =>
        // What is left behind has nobody who waits until it ends by itself.
        abandon(backend, id, info.executionId, over ? { signal: "SIGKILL" } : {})
      )
    )
  )

/** Waits for a started command and shows what came of it. */
export const result = (backend: Shape, id: DevboxId, executionId: ExecutionId): Effect.Effect<ExecResult, ExecError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    awaitExecution(backend, id, executionId, {}, (info) =>
      // The command may have been over for long, so the backend's own clock is better where it is shown.
      makeResult(backend, info, undefined, (end) => took(info) ?? end - now)
    )
  )

const took = ({ endTimeMs, startTimeMs }: ExecutionInfo): number | undefined =>
  startTimeMs === undefined || endTimeMs === undefined ? undefined : endTimeMs - startTimeMs

const listen = (
  backend: Shape,
  id: DevboxId,
  executionId: ExecutionId,
  channel: Channel,
  listener: ((text: string) => Effect.Effect<void>) | undefined
): ReadonlyArray<Effect.Effect<void, OutputError>> =>
  listener === undefined
    ? []
    : [
        tail(backend, id, executionId, channel).pipe(
          Stream.map((chunk) => chunk.bytes),
          decodeText,
          Stream.runForEach(listener)
        )
      ]

/** Runs a command to its end. */
export const exec = (
  backend: Shape,
  id: DevboxId,
  command: Command,
  options: ExecOptions = {}
): Effect.Effect<ExecResult, ExecError> =>
  Effect.flatMap(Clock.currentTimeMillis, (began) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.acquireUseRelease(
        ownedStart(backend, id, command, options, restore),
        (info) => {
          const listeners = [
            ...listen(backend, id, info.executionId, "stdout", options.onStdout),
            ...listen(backend, id, info.executionId, "stderr", options.onStderr)
          ]
          // The deadline is for all of it: a command that is over may have output that does not come.
          const outcome = (heard: Effect.Effect<void>) =>
            awaitExecution(backend, id, info.executionId, options, (completed) =>
              Effect.tap(
                makeResult(backend, completed, options.maxOutput, (now) => now - began),
                () => heard
              )
            )
          if (listeners.length === 0) return restore(outcome(Effect.void))
          const heard = Deferred.makeUnsafe<void>()
          const listening = Effect.map(Effect.all(listeners, { concurrency: "unbounded" }), () =>
            Deferred.doneUnsafe(heard, Effect.void)
          )
          return restore(
            Effect.map(
              Effect.all([outcome(Deferred.await(heard)), listening], { concurrency: "unbounded" }),
              ([value]) => value
            )
          )
        },
        (info, exit) => (Exit.isSuccess(exit) ? Effect.void : abandon(backend, id, info.executionId))
      )
    )
  )

/** Runs a command to its end and fails unless it succeeded. */
export const execOrFail = (
  backend: Shape,
  id: DevboxId,
  command: Command,
  options?: ExecOptions
): Effect.Effect<ExecResult, ExecError | CommandFailed> =>
  Effect.flatMap(exec(backend, id, command, options), (outcome) =>
    outcome.succeeded
      ? Effect.succeed(outcome)
      : Effect.fail(
          new CommandFailed({
            devboxId: id,
            executionId: outcome.executionId,
            command: display(command),
            exitCode: outcome.exitCode,
            ...defined({ signal: outcome.signal, failureReason: outcome.failureReason }),
            stdout: outcome.stdout,
            stderr: outcome.stderr
          })
        )
  )
