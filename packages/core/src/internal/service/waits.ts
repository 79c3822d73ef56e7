/** Waiting for a devbox, a command or a snapshot: what settles each, told to the one wait loop. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Shape } from "../../DevboxBackend.ts"
import {
  BackendError,
  DevboxNotReady,
  type ReadyError,
  SnapshotFailed,
  type SnapshotError,
  UnexpectedResponseError,
  type WaitError
} from "../../DevboxError.ts"
import type { AwaitOptions } from "../../DevboxHandle.ts"
import type { DevboxId, DevboxInfo, SnapshotId } from "../../DevboxModel.ts"
import type { ExecutionId, ExecutionInfo } from "../../Execution.ts"
import type { SnapshotInfo } from "../../Snapshot.ts"
import { settle } from "../settle.ts"
import { hideStamp } from "./ownership.ts"

/**
 * Right after `resume` an answer may still say `suspended`, and after `suspend` still `running`. Such an answer is final only
 * when a transition newer than the first look led to it, or when it has not changed for this long.
 */
const staleFor = Duration.seconds(5)

/** The error for a devbox in the wrong state. */
export const notReady = (info: DevboxInfo, expected: string, hint?: string): DevboxNotReady =>
  new DevboxNotReady({
    devboxId: info.id,
    status: info.status,
    expected,
    ...(info.failureReason === undefined && info.shutdownReason === undefined
      ? {}
      : { failureReason: info.failureReason ?? info.shutdownReason ?? "" }),
    ...(hint === undefined ? {} : { hint })
  })

/** Waits until a devbox runs, or is suspended. Fails at once when that cannot happen any more. */
export const awaitStatus = (
  backend: Shape,
  id: DevboxId,
  target: "running" | "suspended",
  options?: AwaitOptions
): Effect.Effect<DevboxInfo, WaitError> =>
  Effect.suspend(() => {
    const opposite = target === "running" ? "suspended" : "running"
    let transitions: number | undefined
    let since: number | undefined
    const { waitForStatus } = backend
    const judge = (info: DevboxInfo): Effect.Effect<DevboxInfo, DevboxNotReady> | undefined => {
      if (info.status === target) return Effect.succeed(hideStamp(info))
      if (info.status === "failure" || info.status === "shutdown") return Effect.fail(notReady(info, target))
      const before = (transitions ??= info.stateTransitions.length)
      if (info.status !== opposite) {
        since = undefined
        return undefined
      }
      return info.stateTransitions.length > before || since === Infinity
        ? Effect.fail(notReady(info, target))
        : undefined
    }
    // The grace starts with the first look at the opposite state.
    const timed = (look: Effect.Effect<DevboxInfo, BackendErrorOrNotFound>) =>
      Effect.tap(look, (info) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          if (info.status !== opposite) return
          since ??= now
          if (now - since >= Duration.toMillis(staleFor)) since = Infinity
        })
      )
    return settle(
      {
        operation: target === "running" ? "awaitRunning" : "awaitSuspended",
        id,
        look: timed(backend.get(id)),
        hold:
          waitForStatus === undefined
            ? undefined
            : (hold) => timed(waitForStatus(id, [target, "failure", "shutdown"], hold)),
        // A hold for the target would sit out a stale answer's whole grace and more.
        maxHold: () => (since === undefined ? Duration.seconds(25) : staleFor),
        judge,
        status: (info) => info.status,
        deadline: "default"
      },
      options
    )
  })

type BackendErrorOrNotFound = Exclude<ReadyError, DevboxNotReady>

/** A command that is over and says how. */
export type Completed = ExecutionInfo & { readonly exitStatus: number }

/**
 * Waits until a command is completed, and for what is `then` made of it, all within the deadline. A completed command without an
 * exit status is an error, never a success.
 */
export const awaitExecution = <B, E>(
  backend: Shape,
  id: DevboxId,
  executionId: ExecutionId,
  options: AwaitOptions,
  then: (completed: Completed) => Effect.Effect<B, E>
): Effect.Effect<B, E | WaitError> => {
  const { waitForExecution } = backend
  return settle(
    {
      operation: "exec",
      id: executionId,
      look: backend.getExecution(id, executionId),
      hold: waitForExecution === undefined ? undefined : (hold) => waitForExecution(id, executionId, hold),
      judge: (info): Effect.Effect<B, E | ReadyError> | undefined => {
        if (info.status !== "completed") return undefined
        const { exitStatus } = info
        if (exitStatus !== undefined) return then(info as Completed)
        return Effect.flatMap(withoutExitStatus(backend, info), (error) => Effect.fail(error))
      },
      status: (info) => info.status,
      deadline: "none"
    },
    options
  )
}

const withoutExitStatus = (backend: Shape, info: ExecutionInfo): Effect.Effect<ReadyError> => {
  if (info.failureReason === "devbox_ended" || info.failureReason === "owner_died") {
    const hint = `Execution ${info.executionId} ended with it and has no exit status.`
    return Effect.match(backend.get(info.devboxId), {
      onSuccess: (devbox) => notReady(devbox, "running while the command ran", hint),
      onFailure: (error) => error
    })
  }
  return Effect.succeed(
    new BackendError({
      backend: backend.name,
      operation: "exec",
      outcome: "ambiguous",
      reason: new UnexpectedResponseError({
        detail: `execution ${info.executionId} is completed without an exit status${info.failureReason === undefined ? "" : ` (${info.failureReason})`}`
      })
    })
  )
}

/** Waits until a snapshot is complete. */
export const awaitSnapshot = (
  backend: Shape,
  id: SnapshotId,
  options?: AwaitOptions
): Effect.Effect<SnapshotInfo, SnapshotError> => {
  const { waitForSnapshot } = backend
  return settle(
    {
      operation: "snapshotDisk",
      id,
      look: backend.getSnapshot(id),
      hold: waitForSnapshot === undefined ? undefined : (hold) => waitForSnapshot(id, hold),
      judge: (state): Effect.Effect<SnapshotInfo, SnapshotError> | undefined => {
        switch (state.status) {
          case "complete":
            return state.snapshot === undefined
              ? Effect.fail(
                  new SnapshotFailed({ snapshotId: id, detail: "it is complete, but the backend does not show it" })
                )
              : Effect.succeed(state.snapshot)
          case "error":
            return Effect.fail(
              new SnapshotFailed({ snapshotId: id, detail: state.errorMessage ?? "the backend gave no reason" })
            )
          case "deleted":
            return Effect.fail(new SnapshotFailed({ snapshotId: id, detail: "it was deleted while it was waited for" }))
          default:
            return undefined
        }
      },
      status: (state) => state.status,
      deadline: "default"
    },
    options
  )
}
