/** The output of commands from any byte on, out of the journal on disk: while they run, after them, and from other processes. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { OutputLost, type OutputError } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import type { Channel, ExecutionId, OutputChunk, OutputCursor, OutputEvent } from "@effect-devbox/core/Execution"
import type { ExecutionRow } from "../store/executions.ts"
import { type Engine, journalOf } from "./engine.ts"
import { toError } from "./errors.ts"
import { executionRow } from "./start.ts"

const both: ReadonlyArray<Channel> = ["stdout", "stderr"]

const lengthOf = (row: ExecutionRow, channel: Channel): number =>
  (channel === "stdout" ? row.stdout_bytes : row.stderr_bytes) ?? 0

/** Waits until the end of a command is written down. */
const completed = async (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  signal: AbortSignal
): Promise<ExecutionRow | undefined> => {
  const look = () => {
    const row = executionRow(engine, id, executionId)
    return row.status === "completed" ? row : undefined
  }
  const followed = engine.live.get(id)?.followed.get(executionId)
  // The end of our own command is told to us directly: nobody has to watch the database for it.
  return engine.news.until(id, look, { foreign: followed === undefined, signal })
}

/** One channel to its end. Returns early only when the signal says so. */
const read = async function* (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  channel: Channel,
  from: number,
  signal: AbortSignal
): AsyncGenerator<OutputChunk> {
  const first = executionRow(engine, id, executionId)
  const opened = journalOf(engine, id)
  if (opened === undefined) {
    const expected = lengthOf(first, channel)
    if (expected <= from) return
    const detail = "The journal was removed with its devbox."
    throw new OutputLost({ devboxId: id, executionId, channel, expected, actual: from, detail })
  }
  const { close, journal } = opened
  let at = from
  const chunks = async function* (promised: number | undefined, stop: AbortSignal): AsyncGenerator<OutputChunk> {
    const reading = journal.read(executionId, channel, {
      fromByte: at,
      follow: promised === undefined,
      promised,
      signal: stop
    })
    for await (const { bytes, end } of reading) {
      at = end
      yield { _tag: "Chunk", channel, bytes, start: end - bytes.length, end }
    }
  }
  try {
    if (first.status !== "completed") {
      // Who does not run the command hears of its end only from the database.
      const over = new AbortController()
      const end = completed(engine, id, executionId, AbortSignal.any([signal, over.signal]))
      const ended = end.finally(() => over.abort())
      ended.catch(() => {})
      try {
        yield* chunks(undefined, AbortSignal.any([signal, over.signal]))
        // The journal is whole a moment before its end is written down.
        if (!signal.aborted) await ended
      } finally {
        over.abort()
      }
    }
    if (signal.aborted) return
    const promised = lengthOf(executionRow(engine, id, executionId), channel)
    if (at < promised) yield* chunks(promised, signal)
  } finally {
    close()
  }
}

/** See the contract of `DevboxBackend.output`. */
export const output = (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  channel: Channel | "both",
  cursor: OutputCursor
): Stream.Stream<OutputEvent, OutputError> =>
  Stream.suspend(() => {
    const stop = new AbortController()
    const channels = channel === "both" ? both : [channel]
    const one = (on: Channel) =>
      Stream.fromAsyncIterable<OutputChunk, OutputError>(
        read(engine, id, executionId, on, cursor[on], stop.signal),
        toError<OutputError>("output", id)
      )
    const end = Effect.try({
      try: (): OutputEvent => {
        const row = executionRow(engine, id, executionId)
        return { _tag: "End", ...Object.fromEntries(channels.map((on) => [on, lengthOf(row, on)])) }
      },
      catch: toError<OutputError>("output", id)
    })
    const chunks: Stream.Stream<OutputEvent, OutputError> =
      channels.length === 1 ? one(channels[0]!) : Stream.mergeAll(channels.map(one), { concurrency: 2 })
    return chunks.pipe(Stream.concat(Stream.fromEffect(end)), Stream.ensuring(Effect.sync(() => stop.abort())))
  })
