/** The endpoints of commands, over any backend. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { DevboxApi } from "../../DevboxApi.ts"
import { DevboxBackend, type Shape, type StartExecution } from "../../DevboxBackend.ts"
import { InvalidRequestError, type LookupError, UnexpectedResponseError } from "../../DevboxError.ts"
import { DevboxId } from "../../DevboxModel.ts"
import {
  type Channel,
  cursorStart,
  ExecutionDetail,
  ExecutionId,
  type ExecutionInfo,
  type OutputChunk,
  type StdinInput
} from "../../Execution.ts"
import { CurrentAttempt } from "../../IdempotencyStore.ts"
import { bytesHeader, OutputEvents, OutputUpdate } from "../api/events.ts"
import type { ExecuteRequest } from "../api/executions.ts"
import { flattened } from "../flattened.ts"
import { tail } from "../tail.ts"
import { holdExpired } from "../wireError.ts"
import { eventStream, renderer } from "./events.ts"
import { clamp, hold, longest } from "./hold.ts"
import { answered, failure, toResponse } from "./respond.ts"
import { textChunks } from "./textChunks.ts"

const renderOutput = renderer(OutputEvents)

const isCompleted = (info: ExecutionInfo) => info.status === "completed"

/** The text of a command that is waited for to its end, for the old call that cannot say that it was cut. */
const allLines = 1_000_000

/** Follows a command until it is completed or the time is over. */
const follow = (
  backend: Shape,
  id: DevboxId,
  executionId: ExecutionId,
  time: Duration.Duration,
  lastLines: number | undefined
): Effect.Effect<ExecutionInfo, LookupError> => {
  const { waitForExecution } = backend
  const lines = { lastLines }
  return hold({
    look: backend.getExecution(id, executionId, lines),
    settled: isCompleted,
    wait: waitForExecution === undefined ? undefined : (left) => waitForExecution(id, executionId, left, lines),
    time
  })
}

/** The same request is the same command, also after a crash of the server: without an id, its attempts have one. */
const toStart = (request: ExecuteRequest): Effect.Effect<StartExecution> =>
  Effect.map(CurrentAttempt, (attempt) => ({
    commandId: request.commandId ?? ExecutionId.make(attempt?.seed ?? SecureRandom.uuidV7Unsafe()),
    command: request.words ?? request.command,
    shell: request.shellName,
    attachStdin: request.attachStdin,
    env: request.environmentVariables,
    cwd: request.workingDirectory
  }))

/** What one event carries: as text it stays small enough to be young garbage, on both sides. */
const largest = 32 * 1024

/** A chunk in pieces of a good size for an event. */
const pieces = (chunk: OutputChunk): ReadonlyArray<OutputChunk> =>
  chunk.bytes.length <= largest || chunk.end - chunk.start !== chunk.bytes.length
    ? [chunk]
    : Array.from({ length: Math.ceil(chunk.bytes.length / largest) }, (_, i) => {
        const bytes = chunk.bytes.subarray(i * largest, (i + 1) * largest)
        const start = chunk.start + i * largest
        return { ...chunk, bytes, start, end: start + bytes.length }
      })

/** The events of one output; exact bytes for clients that ask, text at character boundaries for all others. */
const outputStream = (
  backend: Shape,
  id: DevboxId,
  executionId: ExecutionId,
  channel: Channel,
  from: number,
  bytes: boolean
): Effect.Effect<HttpServerResponse.HttpServerResponse, LookupError> =>
  // Looked up first, so that what does not exist is refused with its status rather than inside a stream.
  Effect.map(backend.getExecution(id, executionId), () => {
    const chunks = tail(backend, id, executionId, channel, { ...cursorStart, [channel]: from })
    if (!bytes) {
      return eventStream(
        Stream.map(textChunks(chunks), ({ end, text }) => new OutputUpdate({ output: text, offset: end })),
        renderOutput
      )
    }
    let end = from
    const updates = Stream.map(flattened(Stream.map(chunks, pieces)), (chunk) => {
      end = chunk.end
      return new OutputUpdate({ output: "", offset: chunk.end, bytes: chunk.bytes })
    })
    const last = Stream.suspend(() => Stream.succeed(new OutputUpdate({ output: "", offset: end, end: true })))
    return eventStream(Stream.concat(updates, last), renderOutput)
  })

/** See above. */
export const executionsHandlers = HttpApiBuilder.group(
  DevboxApi,
  "executions",
  Effect.fn(function* (handlers) {
    const backend = yield* DevboxBackend
    const stream =
      (channel: Channel) =>
      (request: {
        readonly params: { readonly id: string; readonly executionId: string }
        readonly query: { readonly offset?: number }
        readonly headers: { readonly [bytesHeader.name]?: string }
      }) =>
        answered(
          outputStream(
            backend,
            DevboxId.make(request.params.id),
            ExecutionId.make(request.params.executionId),
            channel,
            request.query.offset ?? 0,
            request.headers[bytesHeader.name] === bytesHeader.value
          )
        )
    const start = (id: DevboxId, request: ExecuteRequest) =>
      Effect.flatMap(toStart(request), (params) => backend.startExecution(id, params))
    return handlers.handleAll({
      execute: ({ params, payload, query }) => {
        const id = DevboxId.make(params.id)
        const time = clamp(payload.optimisticTimeout, longest.execution)
        return answered(
          Effect.flatMap(start(id, payload), (info) =>
            (isCompleted(info) || Duration.isZero(time)) && query.last_n === undefined
              ? Effect.succeed(info)
              : follow(backend, id, info.executionId, time, query.last_n)
          )
        )
      },
      executeAsync: ({ params, payload }) => answered(start(DevboxId.make(params.id), payload)),
      executeSync: ({ params, payload }) => {
        const id = DevboxId.make(params.id)
        return answered(
          Effect.gen(function* () {
            const started = yield* start(id, payload)
            const info = yield* follow(backend, id, started.executionId, Duration.infinity, allLines)
            if (!isCompleted(info)) return toResponse(holdExpired(`execution ${info.executionId} is ${info.status}`))
            const { devboxId, exitStatus, shellName, stderr = "", stdout = "" } = info
            if (exitStatus === undefined) {
              const detail = `execution ${info.executionId} ended without an exit status`
              return yield* failure("exec", new UnexpectedResponseError({ detail }))
            }
            return new ExecutionDetail({
              devboxId,
              exitStatus,
              stdout,
              stderr,
              ...(shellName === undefined ? {} : { shellName })
            })
          })
        )
      },
      retrieve: ({ params, query }) =>
        answered(
          backend.getExecution(DevboxId.make(params.id), ExecutionId.make(params.executionId), {
            lastLines: query.last_n
          })
        ),
      waitForStatus: ({ params, payload, query }) => {
        const executionId = ExecutionId.make(params.executionId)
        const settled = (info: ExecutionInfo) => payload.statuses.includes(info.status)
        const { waitForExecution } = backend
        const id = DevboxId.make(params.id)
        const lines = { lastLines: query.last_n }
        const seen = hold({
          look: backend.getExecution(id, executionId, lines),
          settled,
          wait:
            waitForExecution === undefined || payload.statuses.some((status) => status !== "completed")
              ? undefined
              : (left) => waitForExecution(id, executionId, left, lines),
          time: clamp(payload.timeoutSeconds, longest.execution)
        })
        return answered(
          Effect.map(seen, (info) =>
            settled(info) ? info : toResponse(holdExpired(`execution ${executionId} is ${info.status}`))
          )
        )
      },
      kill: ({ params, payload }) =>
        answered(
          backend.kill(DevboxId.make(params.id), ExecutionId.make(params.executionId), {
            group: payload?.killProcessGroup,
            signal: payload?.signal
          })
        ),
      sendStdIn: ({ params, payload }) => {
        const inputs: Array<StdinInput> = []
        if (payload?.bytes !== undefined) inputs.push({ bytes: payload.bytes })
        if (payload?.text !== undefined) inputs.push({ bytes: new TextEncoder().encode(payload.text) })
        if (payload?.signal !== undefined) inputs.push({ signal: payload.signal })
        if (inputs.length === 0) {
          const detail = "there is nothing to send; give `text` or `signal`"
          return answered(Effect.fail(failure("sendStdin", new InvalidRequestError({ detail }))))
        }
        const { executionId, id } = params
        return answered(
          Effect.as(
            Effect.forEach(
              inputs,
              (input) => backend.sendStdin(DevboxId.make(id), ExecutionId.make(executionId), input),
              {
                discard: true
              }
            ),
            { devboxId: id, executionId, success: true }
          )
        )
      },
      streamStdout: stream("stdout"),
      streamStderr: stream("stderr")
    })
  })
)
