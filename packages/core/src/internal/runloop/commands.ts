/** Commands over the wire. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CommandLine from "effect/process/CommandLine"
import * as Result from "effect/Result"
import { type Implementation, type StartExecution, unsupported } from "../../DevboxBackend.ts"
import { type BackendError, InvalidRequestError, type LookupError } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import type { ExecutionId, ExecutionInfo, StdinInput } from "../../Execution.ts"
import { ExecuteRequest, executions } from "../api/executions.ts"
import { defined } from "../defined.ts"
import type { Facts } from "./facts.ts"
import { asking } from "./lifecycle.ts"
import { makeOutput } from "./output.ts"
import { type Ask, statusOf, type Transport } from "./transport.ts"

const execution = (operation: string, id: DevboxId, executionId: ExecutionId) =>
  ({ operation, within: { resource: "devbox", id }, about: { resource: "execution", id: executionId } }) as const

const looking = (operation: string, id: DevboxId, executionId: ExecutionId) =>
  ({
    ...execution(operation, id, executionId),
    fails: ["ResourceNotFound"],
    reads: true
  }) satisfies Ask<"ResourceNotFound">

const asked = (operation: string, id: DevboxId, executionId: ExecutionId) =>
  ({ ...execution(operation, id, executionId), fails: ["ResourceNotFound", "DevboxNotReady"] }) satisfies Ask<
    "ResourceNotFound" | "DevboxNotReady"
  >

/** How long the answer to a start may wait for the end of the command. Whole seconds, as the wire has it. */
export interface StartOptions {
  readonly optimisticTimeout: Duration.Duration
}

/** See `DevboxBackend`. */
export const commands = (transport: Transport, facts: Facts, options: StartOptions) => {
  const { call, peer } = transport
  const api = transport.client(executions)

  const requestFor = (params: StartExecution): Effect.Effect<ExecuteRequest, BackendError> => {
    const { attachStdin, command, commandId, cwd, env, shell } = params
    const joined = typeof command === "string" ? Result.succeed(command) : CommandLine.join(command)
    if (Result.isFailure(joined)) {
      return Effect.fail(transport.reject("exec", new InvalidRequestError({ detail: joined.failure.message })))
    }
    const text = joined.success
    const wait = Math.ceil(Duration.toSeconds(options.optimisticTimeout))
    if (facts.ours) {
      return Effect.succeed(
        new ExecuteRequest({
          command: text,
          commandId,
          optimisticTimeout: wait,
          ...defined({
            shellName: shell,
            attachStdin: attachStdin === true ? true : undefined,
            words: typeof command === "string" ? undefined : command,
            environmentVariables: env,
            workingDirectory: cwd
          })
        })
      )
    }
    if (env !== undefined || cwd !== undefined) {
      const detail = "Runloop takes no env or cwd for one command; put `cd` and `export` into the command"
      return Effect.fail(unsupported(peer.name, "exec", "executionEnv", detail))
    }
    // A command with stdin has another way that knows neither its id nor a wait (PROTOCOL P6).
    return Effect.succeed(
      new ExecuteRequest({
        command: text,
        ...defined({ shellName: shell }),
        ...(attachStdin === true ? { attachStdin: true } : { commandId, optimisticTimeout: wait })
      })
    )
  }

  const getExecution = (
    id: DevboxId,
    executionId: ExecutionId,
    limit?: { readonly lastLines?: number | undefined }
  ): Effect.Effect<ExecutionInfo, LookupError> =>
    call(
      looking("getExecution", id, executionId),
      api.retrieve({ params: { id, executionId }, query: defined({ last_n: limit?.lastLines }) })
    )

  const stdin = (
    input: StdinInput
  ): Effect.Effect<{ text?: string; bytes?: Uint8Array; signal?: "EOF" | "INTERRUPT" }, BackendError> => {
    if ("signal" in input) return Effect.succeed({ signal: input.signal })
    try {
      return Effect.succeed({ text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(input.bytes) })
    } catch {
      if (facts.ours) return Effect.succeed({ bytes: input.bytes })
      const detail = "Runloop takes text for stdin, and these bytes are not UTF-8; encode them"
      return Effect.fail(unsupported(peer.name, "sendStdin", "exactBytes", detail))
    }
  }

  return {
    startExecution: (id, params) =>
      Effect.flatMap(requestFor(params), (payload) =>
        call(
          { ...asking("exec", id), hold: options.optimisticTimeout },
          payload.commandId === undefined
            ? api.executeAsync({ params: { id }, payload })
            : api.execute({ params: { id }, query: {}, payload })
        )
      ),
    getExecution,
    output: makeOutput(transport, facts, getExecution),
    sendStdin: (id, executionId, input) =>
      Effect.gen(function* () {
        const payload = yield* stdin(input)
        const ask = asked("sendStdin", id, executionId)
        const { success } = yield* call(ask, api.sendStdIn({ params: { id, executionId }, payload }))
        if (!success) {
          const detail = `command ${executionId} took no input; is it over, or without stdin?`
          return yield* Effect.fail(transport.reject("sendStdin", new InvalidRequestError({ detail })))
        }
      }),
    kill: (id, executionId, how) =>
      call(
        asked("kill", id, executionId),
        api.kill({
          params: { id, executionId },
          payload: defined({
            killProcessGroup: how?.group,
            signal: facts.capabilities.features.has("killSignals") ? how?.signal : undefined
          })
        })
      ),
    waitForExecution: (id, executionId, hold, limit) =>
      call(
        { ...looking("waitForExecution", id, executionId), hold },
        api
          .waitForStatus({
            params: { id, executionId },
            query: defined({ last_n: limit?.lastLines }),
            payload: { statuses: ["completed"], timeoutSeconds: Duration.toSeconds(hold) }
          })
          .pipe(
            Effect.catchIf(
              (error) => statusOf(error) === 408,
              () => getExecution(id, executionId, limit)
            )
          )
      )
  } satisfies Partial<Implementation>
}
