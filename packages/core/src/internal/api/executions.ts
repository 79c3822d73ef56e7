/** The endpoints of commands (PROTOCOL P6). */
import * as Schema from "effect/Schema"
import { ExecutionDetailJson, ExecutionId, ExecutionInfoJson, ExecutionStatus } from "../../Execution.ts"
import { nullish, snakeCase } from "../snakeCase.ts"
import { accept, byExecution, byId, queryCount } from "./common.ts"
import { bytesHeader, OutputEvents } from "./events.ts"
import type { Describe } from "./describe.ts"

/**
 * The request that starts a command. `attachStdin` belongs to `execute_async` on Runloop; with `execute`, it and the fields
 * below it are ours and never sent to Runloop's cloud.
 */
export class ExecuteRequest extends Schema.Class<ExecuteRequest>("effect-devbox/wire/ExecuteRequest")({
  command: Schema.String,
  commandId: nullish(ExecutionId),
  shellName: nullish(Schema.String),
  /** How long the answer may wait for the end of the command, in seconds; at most and by default 25. */
  optimisticTimeout: nullish(Schema.Finite),
  attachStdin: nullish(Schema.Boolean),
  /** The words of a command that no shell sees; `command` is then their text. */
  words: nullish(Schema.Array(Schema.String)),
  environmentVariables: nullish(Schema.Record(Schema.String, Schema.String)),
  workingDirectory: nullish(Schema.String)
}) {}

/** The JSON form of {@link ExecuteRequest}. */
export const ExecuteRequestJson = snakeCase(ExecuteRequest)

/** The request of a hold. */
export const WaitForExecution = snakeCase(
  Schema.Struct({ statuses: Schema.Array(ExecutionStatus), timeoutSeconds: nullish(Schema.Finite) })
)

/** The request of a kill. `signal` is ours. */
export const KillRequest = snakeCase(
  Schema.Struct({
    killProcessGroup: nullish(Schema.Boolean),
    signal: nullish(Schema.Literals(["SIGTERM", "SIGKILL", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]))
  })
)

/** What to give to a command's stdin. `bytes` is ours, for what is not text. */
export const StdinRequest = Schema.Struct({
  text: nullish(Schema.String),
  bytes: nullish(Schema.Uint8ArrayFromBase64),
  signal: nullish(Schema.Literals(["EOF", "INTERRUPT"]))
})

/** What came of it. */
export const StdinResult = snakeCase(
  Schema.Struct({ devboxId: Schema.String, executionId: Schema.String, success: Schema.Boolean })
)

const lines = { last_n: queryCount }

/** The endpoints. */
export const executions = ({ failures, get, post, StreamSse }: Describe) => {
  const stream = {
    params: byExecution,
    query: { offset: queryCount },
    headers: { ...accept, [bytesHeader.name]: Schema.optionalKey(Schema.String) },
    success: StreamSse({ events: OutputEvents }),
    error: failures
  } as const
  return [
    post("execute", "/v1/devboxes/:id/execute", {
      params: byId,
      query: lines,
      payload: ExecuteRequestJson,
      success: ExecutionInfoJson,
      error: failures
    }),
    post("executeAsync", "/v1/devboxes/:id/execute_async", {
      params: byId,
      payload: ExecuteRequestJson,
      success: ExecutionInfoJson,
      error: failures
    }),
    post("executeSync", "/v1/devboxes/:id/execute_sync", {
      params: byId,
      payload: ExecuteRequestJson,
      success: ExecutionDetailJson,
      error: failures
    }),
    get("retrieve", "/v1/devboxes/:id/executions/:executionId", {
      params: byExecution,
      query: lines,
      success: ExecutionInfoJson,
      error: failures
    }),
    post("waitForStatus", "/v1/devboxes/:id/executions/:executionId/wait_for_status", {
      params: byExecution,
      query: lines,
      payload: WaitForExecution,
      success: ExecutionInfoJson,
      error: failures
    }),
    post("kill", "/v1/devboxes/:id/executions/:executionId/kill", {
      params: byExecution,
      payload: [KillRequest, Schema.Null],
      success: ExecutionInfoJson,
      error: failures
    }),
    post("sendStdIn", "/v1/devboxes/:id/executions/:executionId/send_std_in", {
      params: byExecution,
      payload: [StdinRequest, Schema.Null],
      success: StdinResult,
      error: failures
    }),
    get("streamStdout", "/v1/devboxes/:id/executions/:executionId/stream_stdout_updates", stream),
    get("streamStderr", "/v1/devboxes/:id/executions/:executionId/stream_stderr_updates", stream)
  ] as const
}
