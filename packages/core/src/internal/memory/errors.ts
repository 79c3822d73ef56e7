/** The failures of the memory backend, and the look-ups that fail with them. */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import { unsupported } from "../../DevboxBackend.ts"
import {
  BackendError,
  type BackendReason,
  DevboxNotReady,
  FileError,
  InvalidRequestError,
  ResourceNotFound
} from "../../DevboxError.ts"
import type { DevboxId, DevboxStatus } from "../../DevboxModel.ts"
import type { ExecutionId } from "../../Execution.ts"
import type { Execution } from "./execution.ts"
import type * as Files from "./files.ts"
import type { Box, World } from "./state.ts"

/** A request that was certainly not carried out. */
export const rejected = (world: World, operation: string, reason: BackendReason): BackendError =>
  new BackendError({ backend: world.settings.name, operation, outcome: "rejected", reason })

/** A request that makes no sense. */
export const invalid = (world: World, operation: string, detail: string): BackendError =>
  rejected(world, operation, new InvalidRequestError({ detail }))

/** Something that devboxes in memory do not have. */
export const absent = (world: World, operation: string, feature: string, instead: string): BackendError =>
  unsupported(world.settings.name, operation, feature, `a devbox in memory has no ${feature}; ${instead}`)

/** A devbox in whatever state. */
export const findBox = (world: World, id: DevboxId): Effect.Effect<Box, ResourceNotFound> =>
  Effect.suspend(() => {
    const box = world.boxes.get(id)
    return box === undefined ? Effect.fail(new ResourceNotFound({ resource: "devbox", id })) : Effect.succeed(box)
  })

/** A devbox in one of some states. */
export const boxThatIs = (
  world: World,
  id: DevboxId,
  ...statuses: readonly [DevboxStatus, ...ReadonlyArray<DevboxStatus>]
): Effect.Effect<Box, ResourceNotFound | DevboxNotReady> =>
  Effect.filterOrFail(
    findBox(world, id),
    (box) => statuses.includes(box.status),
    (box) =>
      new DevboxNotReady({
        devboxId: id,
        status: box.status,
        expected: statuses.join(" or "),
        ...(box.reasons.failureReason === undefined ? {} : { failureReason: box.reasons.failureReason })
      })
  )

/** A command of a devbox in whatever state. */
export const findExecution = (
  world: World,
  id: DevboxId,
  executionId: ExecutionId
): Effect.Effect<Execution, ResourceNotFound> =>
  Effect.flatMap(findBox(world, id), (box) => {
    const execution = box.executions.get(executionId)
    return execution === undefined
      ? Effect.fail(new ResourceNotFound({ resource: "execution", id: executionId }))
      : Effect.succeed(execution)
  })

/** A problem with a path as an error of the devbox. */
export const fileError = (id: DevboxId, path: string, problem: Files.Problem): FileError =>
  new FileError({ devboxId: id, path, ...problem })

/** The outcome of a file operation as an effect. */
export const orFileError = <A>(
  id: DevboxId,
  path: string,
  result: Result.Result<A, Files.Problem>
): Effect.Effect<A, FileError> => Effect.mapError(Effect.fromResult(result), (problem) => fileError(id, path, problem))
