/** Reading the output of a command over server-sent events: one connection for each channel, ended by an `End` only when it is. */
import * as Effect from "effect/Effect"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"
import { type OutputError, type TransportError, UnexpectedResponseError } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import type { Channel, ExecutionId, ExecutionInfo, OutputCursor, OutputEnd, OutputEvent } from "../../Execution.ts"
import { bytesHeader, OutputEvents } from "../api/events.ts"
import { makePlacer, type OffsetMeaning } from "./chunks.ts"
import type { Facts } from "./facts.ts"
import { decoder, parse, watched } from "./sse.ts"
import { type Ask, statusOf, type Transport } from "./transport.ts"
import { executions } from "../api/executions.ts"

const decode = decoder(OutputEvents)

/** The server asks to come again: the read stops without an end. */
const comeAgain = 408

/** A stream that is not one is not silently empty (PROTOCOL P3, P10). */
export const expectEvents = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<HttpClientResponse.HttpClientResponse, UnexpectedResponseError> => {
  const type = response.headers["content-type"]
  return type === undefined || /^text\/event-stream\b/i.test(type)
    ? Effect.succeed(response)
    : Effect.fail(new UnexpectedResponseError({ detail: `expected a stream of events, the answer is ${type}` }))
}

/** Builds `output`; see `DevboxBackend`. */
export const makeOutput = (
  transport: Transport,
  facts: Facts,
  getExecution: (id: DevboxId, executionId: ExecutionId) => Effect.Effect<ExecutionInfo, OutputError>
) => {
  const api = transport.client(executions)
  const meaning: OffsetMeaning = { current: "unknown" }
  const exact = facts.capabilities.features.has("exactBytes")

  const open = (id: DevboxId, executionId: ExecutionId, channel: Channel, from: number) => {
    const request = {
      params: { id, executionId },
      query: from === 0 ? {} : { offset: from },
      headers: { accept: "text/event-stream", ...(facts.ours ? { [bytesHeader.name]: bytesHeader.value } : {}) },
      responseMode: "response-only"
    } as const
    return channel === "stdout" ? api.streamStdout(request) : api.streamStderr(request)
  }

  const single = (
    id: DevboxId,
    executionId: ExecutionId,
    channel: Channel,
    from: number
  ): Stream.Stream<OutputEvent, OutputError> => {
    const ask = {
      operation: "output",
      within: { resource: "devbox", id },
      about: { resource: "execution", id: executionId },
      fails: ["ResourceNotFound", "DevboxNotReady", "OutputLost"],
      reads: true
    } satisfies Ask<"ResourceNotFound" | "DevboxNotReady" | "OutputLost">
    const placer = makePlacer(channel, from, meaning)
    const end = (length?: number): OutputEnd => ({
      _tag: "End",
      ...(length === undefined ? {} : { [channel]: length })
    })

    const response = transport.call(
      ask,
      open(id, executionId, channel, from).pipe(
        Effect.catchIf(
          (error) => statusOf(error) === comeAgain,
          () => Effect.undefined
        )
      )
    )
    return Stream.unwrap(
      Effect.map(response, (opened): Stream.Stream<OutputEvent, OutputError> => {
        if (opened === undefined) return Stream.empty
        let over = false
        let stopped = false
        // Nobody promises heartbeats: the stream of a command that runs and says nothing is read on (PROTOCOL P3).
        const quiet = (silent: TransportError): Stream.Stream<never, OutputError | TransportError> =>
          Stream.fromEffect(getExecution(id, executionId)).pipe(
            Stream.flatMap((info) => {
              if (info.status === "completed") return Stream.fail(silent)
              stopped = true
              return Stream.empty
            })
          )
        const updates = Stream.unwrap(
          Effect.map(expectEvents(opened), (events) => parse(watched(events.stream, quiet)))
        ).pipe(
          Stream.mapEffect(decode),
          Stream.catch((error) => Stream.fromEffect(transport.judged(ask, error)))
        )
        const events = updates.pipe(
          Stream.mapEffect((said): Effect.Effect<OutputEvent | "stopped" | undefined, OutputError> => {
            if (said._tag === "Error") {
              const { code, details, kind, message = "" } = said.failure
              if (Number(code) === comeAgain) {
                stopped = true
                return Effect.succeed("stopped")
              }
              const body = { message, details, ...(kind === undefined ? {} : { code: kind }) }
              return transport.refuse(ask, { status: Number(code ?? 500) || 500, headers: {}, body })
            }
            if (said.data.end === true) {
              over = true
              return Effect.succeed(end(said.data.offset ?? placer.position()))
            }
            return Effect.succeed(placer.take(said.data, exact))
          }),
          Stream.takeWhile((event) => event !== "stopped"),
          Stream.filter((event) => event !== undefined)
        )
        // A server of ours says when it is over. Of another's stream that ends in order, only the command can say.
        const last = Stream.suspend(() =>
          over || stopped || facts.ours
            ? Stream.empty
            : Stream.fromEffect(getExecution(id, executionId)).pipe(
                Stream.filter((info) => info.status === "completed"),
                Stream.map((): OutputEvent => end())
              )
        )
        return Stream.concat(events, last)
      })
    )
  }

  /** Both at once; when one stops early, so do both, and are resumed together. */
  const both = (
    id: DevboxId,
    executionId: ExecutionId,
    cursor: OutputCursor
  ): Stream.Stream<OutputEvent, OutputError> =>
    Stream.suspend(() => {
      const ends: Partial<Record<Channel, OutputEnd>> = {}
      const one = (channel: Channel) =>
        single(id, executionId, channel, cursor[channel]).pipe(
          Stream.map((event) => {
            if (event._tag === "End") ends[channel] = event
            return event
          }),
          Stream.concat(
            Stream.suspend(() => (ends[channel] === undefined ? Stream.succeed("stopped" as const) : Stream.empty))
          )
        )
      return Stream.merge(one("stdout"), one("stderr")).pipe(
        Stream.takeWhile((event) => event !== "stopped"),
        Stream.filter((event) => event._tag !== "End"),
        Stream.concat(
          Stream.suspend((): Stream.Stream<OutputEvent> =>
            ends.stdout === undefined || ends.stderr === undefined
              ? Stream.empty
              : Stream.succeed({ ...ends.stdout, ...ends.stderr })
          )
        )
      )
    })

  return (
    id: DevboxId,
    executionId: ExecutionId,
    channel: Channel | "both",
    cursor: OutputCursor
  ): Stream.Stream<OutputEvent, OutputError> =>
    channel === "both" ? both(id, executionId, cursor) : single(id, executionId, channel, cursor[channel])
}
