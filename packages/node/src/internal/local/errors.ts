/** Everything that goes wrong below → the errors of the contract, in one place. */
import * as Effect from "effect/Effect"
import {
  BackendError,
  type BackendReason,
  Conflict,
  DevboxNotReady,
  FileError,
  InvalidRequestError,
  OutputLost,
  ResourceNotFound,
  UnavailableError,
  UnsupportedError
} from "@effect-devbox/core/DevboxError"
import { OutputLostError } from "../journal/types.ts"
import { DoorError } from "../net/door.ts"
import { BoxClosedError, ExecStartError, ExecStdinClosedError, SandboxStartError } from "../sandbox/errors.ts"

/** The name that users see in errors. */
export const backendName = "local"

/** An error of this backend. Nothing happened unless said otherwise. */
export const backendError = (
  operation: string,
  reason: BackendReason,
  outcome: "rejected" | "ambiguous" = "rejected",
  shouldRetry?: boolean
): BackendError =>
  new BackendError({
    backend: backendName,
    operation,
    reason,
    outcome,
    ...(shouldRetry === undefined ? {} : { shouldRetry })
  })

/** A request that will not do, and why. */
export const invalid = (operation: string, detail: string): BackendError =>
  backendError(operation, new InvalidRequestError({ detail }))

/** A feature that this backend does not have, with what to do instead. */
export const missing = (operation: string, feature: string, detail: string): BackendError =>
  backendError(operation, new UnsupportedError({ feature, detail }))

const known = [BackendError, Conflict, DevboxNotReady, FileError, OutputLost, ResourceNotFound]

/** Whether something failed with an error of the contract already; the caller says which it can be. */
export const isOfContract = <E>(error: unknown): error is E => known.some((type) => error instanceof type)

const fromBelow = (operation: string, error: unknown): BackendError | DevboxNotReady => {
  if (error instanceof ExecStartError) {
    if (error.reason === "invalid request" || error.reason === "duplicate id") return invalid(operation, error.message)
    return backendError(operation, new UnavailableError({ detail: error.message }))
  }
  if (error instanceof BoxClosedError) {
    return new DevboxNotReady({
      devboxId: error.boxId,
      status: "failure",
      expected: "running",
      hint: "It ended while it was asked; look at its info for the reason."
    })
  }
  if (error instanceof ExecStdinClosedError) return invalid(operation, error.message)
  if (error instanceof SandboxStartError || error instanceof DoorError) {
    return backendError(operation, new UnavailableError({ detail: error.message }), "rejected", false)
  }
  const detail = error instanceof Error ? error.message : String(error)
  return backendError(operation, new UnavailableError({ detail }), "ambiguous", false)
}

/** Output that the journal does not have any more. */
export const outputLost = (devboxId: string, error: OutputLostError): OutputLost =>
  new OutputLost({
    devboxId,
    executionId: error.executionId,
    channel: error.channel,
    expected: error.promised,
    actual: error.found,
    detail: "The devbox has ended and its journals with it, or its disk is damaged."
  })

/** What a failed call fails with. `E` is what the operation's contract adds to `BackendError`. */
export const toError =
  <E>(operation: string, devboxId?: string) =>
  (error: unknown): E | BackendError => {
    if (isOfContract<E>(error)) return error
    if (error instanceof OutputLostError) return outputLost(devboxId ?? "", error) as E
    return fromBelow(operation, error) as E | BackendError
  }

/** An async operation as an Effect that is not cut in the middle. */
export const attempt = <E, A>(operation: string, body: () => Promise<A> | A): Effect.Effect<A, E | BackendError> =>
  Effect.uninterruptible(Effect.tryPromise({ try: async () => await body(), catch: toError<E>(operation) }))

/** An async operation that can be abandoned at any time; it gets the signal that says so. */
export const attemptInterruptibly = <E, A>(
  operation: string,
  body: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, E | BackendError> => Effect.tryPromise({ try: body, catch: toError<E>(operation) })
