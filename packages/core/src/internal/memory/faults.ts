/** Writes down the calls of a backend and makes them fail on demand. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { RequestKey } from "../../DevboxBackend.ts"
import { BackendError, type BackendReason, TransportError } from "../../DevboxError.ts"
import { cut } from "../chaos/streams.ts"
import type { Call as Made, Interceptor, Operation } from "../intercept.ts"

/** A call that was made. */
export interface Call {
  readonly operation: Operation
  readonly args: ReadonlyArray<unknown>
  readonly atMs: number
  readonly requestKey: string | undefined
}

/** What goes wrong with the next calls of an operation. */
export type Fault =
  /** The call fails and nothing was done. */
  | { readonly _tag: "Fail"; readonly reason: BackendReason; readonly shouldRetry?: boolean | undefined }
  /** The call is carried out and its answer is lost: it fails in doubt. */
  | { readonly _tag: "LoseReply" }
  /** The call is not answered until it is interrupted. */
  | { readonly _tag: "Stall" }
  /** Output: the connection breaks after so many bytes; with `silently` it just ends. */
  | { readonly _tag: "Cut"; readonly bytes: number; readonly silently: boolean }

/** The faults still to come, by operation, in order. */
export type Faults = Map<Operation, Array<Fault>>

/** What {@link recording} writes to and reads from. */
export interface Record {
  readonly calls: Array<Call>
  readonly faults: Faults
  readonly remembered: number
}

const broken = { detail: "the connection broke, as the test asked" }

/** See above. */
export const recording = (backend: string, record: Record): Interceptor => {
  const failure = (call: Made, reason: BackendReason, outcome: "rejected" | "ambiguous", shouldRetry?: boolean) =>
    new BackendError({
      backend,
      operation: call.operation,
      reason,
      outcome,
      ...(shouldRetry === undefined ? {} : { shouldRetry })
    })

  /** Notes the call and takes the fault that is due. */
  const enter = ({ args, operation }: Made): Effect.Effect<Fault | undefined> =>
    Effect.gen(function* () {
      const atMs = yield* Clock.currentTimeMillis
      record.calls.push({ operation, args, atMs, requestKey: yield* RequestKey })
      if (record.calls.length > record.remembered) record.calls.shift()
      return record.faults.get(operation)?.shift()
    })

  return {
    effect: <A, E, R>(call: Made, run: Effect.Effect<A, E, R>) =>
      Effect.flatMap(enter(call), (fault): Effect.Effect<A, E | BackendError, R> => {
        switch (fault?._tag) {
          case "Fail":
            return Effect.fail(failure(call, fault.reason, "rejected", fault.shouldRetry))
          case "LoseReply":
            return Effect.andThen(run, Effect.fail(failure(call, new TransportError(broken), "ambiguous")))
          case "Stall":
            return Effect.never
          default:
            return run
        }
      }),
    stream: <A, E, R>(call: Made, run: Stream.Stream<A, E, R>) =>
      Stream.unwrap(
        Effect.map(enter(call), (fault): Stream.Stream<A, E | BackendError, R> => {
          // Made only when it happens: an error takes note of the stack.
          const breaks = Stream.suspend(() => Stream.fail(failure(call, new TransportError(broken), "rejected")))
          switch (fault?._tag) {
            case "Fail":
              return Stream.fail(failure(call, fault.reason, "rejected", fault.shouldRetry))
            case "LoseReply":
              return breaks
            case "Stall":
              return Stream.never
            case "Cut":
              return cut(run, fault.bytes, fault.silently ? Stream.empty : breaks)
            default:
              return run
          }
        })
      )
  }
}
