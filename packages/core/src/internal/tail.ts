/**
 * The one reader of output: every byte once, in order, across any number of connections. Overlap is cut, a gap is an error,
 * an end that arrives before the promised length is not an end. Each run of the stream starts at its own beginning.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Shape } from "../DevboxBackend.ts"
import { BackendError, type OutputError, OutputLost, TransportError } from "../DevboxError.ts"
import type { DevboxId } from "../DevboxModel.ts"
import {
  type Channel,
  cursorStart,
  type ExecutionId,
  type OutputChunk,
  type OutputCursor,
  type OutputEvent
} from "../Execution.ts"
import { pacedStream } from "./pace.ts"
import { backoff, maySendAgain } from "./retry.ts"

/** A stream that ended without saying that the output has. */
const stopped = { _tag: "Stopped" } as const

/** A connection that lasted this long did well: that it broke in the end says nothing of the next one. */
const lasting = Duration.toMillis("2 minutes")

/** How many times in a row the promised length may be missed before the bytes count as lost. */
const patience = 5

/** Reads one output, or both, from a cursor (default: the beginning) to the end. */
export const tail = (
  backend: Shape,
  devboxId: DevboxId,
  executionId: ExecutionId,
  channel: Channel | "both",
  from: OutputCursor = cursorStart
): Stream.Stream<OutputChunk, OutputError> =>
  Stream.suspend(() => {
    const cursor = { ...from }
    const exact = backend.capabilities.features.has("exactBytes")
    let short = 0
    const lost = (on: Channel, expected: number, actual: number, detail: string) =>
      new OutputLost({ devboxId, executionId, channel: on, expected, actual, detail })
    const cutOff = (detail: string) =>
      new BackendError({
        backend: backend.name,
        operation: "output",
        outcome: "rejected",
        reason: new TransportError({ detail })
      })

    const ended = (event: OutputEvent & { readonly _tag: "End" }): Effect.Effect<undefined, OutputError> => {
      for (const on of ["stdout", "stderr"] as const) {
        const promised = event[on]
        if (promised === undefined || (channel !== "both" && channel !== on) || promised <= cursor[on]) continue
        if (++short > patience)
          return Effect.fail(lost(on, promised, cursor[on], "The backend promised more than it gave."))
        return Effect.fail(cutOff(`${on} ended at byte ${cursor[on]} of ${promised}`))
      }
      return Effect.undefined
    }

    /** A chunk without what was seen before, `undefined` for the end, a failure for a gap. */
    const accept = (event: OutputEvent): Effect.Effect<OutputChunk | undefined | "seen", OutputError> => {
      if (event._tag === "End") return ended(event)
      const seen = cursor[event.channel]
      if (event.start > seen) {
        return Effect.fail(lost(event.channel, seen, event.start, "The bytes between were not delivered."))
      }
      if (event.end <= seen) return Effect.succeed("seen")
      if (event.start < seen && !exact) {
        // Re-encoded text cannot be cut at a byte of the original.
        return Effect.fail(lost(event.channel, seen, event.start, "A chunk overlaps what was already delivered."))
      }
      cursor[event.channel] = event.end
      short = 0
      return Effect.succeed(
        event.start < seen ? { ...event, bytes: event.bytes.subarray(seen - event.start), start: seen } : event
      )
    }

    const connection = Stream.suspend(() => {
      let whole = false
      return pacedStream(backend.output(devboxId, executionId, channel, { ...cursor })).pipe(
        Stream.mapEffect(accept),
        Stream.takeWhile((chunk) => {
          if (chunk === undefined) whole = true
          return chunk !== undefined
        }),
        Stream.filter((chunk): chunk is OutputChunk => chunk !== "seen" && chunk !== undefined),
        Stream.concat(Stream.suspend(() => (whole ? Stream.empty : Stream.fail(stopped))))
      )
    })
    const timed = Stream.unwrap(
      Effect.map(Clock.currentTimeMillis, (opened) =>
        Stream.catch(connection, (error) =>
          Stream.unwrap(
            Effect.map(Clock.currentTimeMillis, (now) =>
              Stream.fail(now - opened >= lasting && maySendAgain(error, true) ? stopped : error)
            )
          )
        )
      )
    )
    const persistent = Stream.retry(
      timed,
      backoff.pipe(Schedule.while(({ input }) => Effect.succeed(maySendAgain(input, true))))
    )
    // A quiet command's stream may stop any number of times (PROTOCOL P3); only failures in a row use up the patience.
    return Stream.retry(
      persistent,
      Schedule.spaced("500 millis").pipe(
        Schedule.setInputType<OutputError | typeof stopped>(),
        Schedule.while(({ input }) => input._tag === "Stopped")
      )
    ).pipe(Stream.catchTag("Stopped", () => Stream.empty))
  })
