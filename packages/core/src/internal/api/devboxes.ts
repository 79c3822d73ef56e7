/** The endpoints of a devbox's life (PROTOCOL P5, P10). */
import * as Schema from "effect/Schema"
import { CodeMount, CreateParams, DevboxInfoJson, DevboxStatus, LogEntryJson, UsageJson } from "../../DevboxModel.ts"
import { nullish, snakeCase } from "../snakeCase.ts"
import { accept, byId, metadataPageQuery, Opaque, pageFields, queryFlag, queryText } from "./common.ts"
import { NoticeEvents } from "./events.ts"
import type { Describe } from "./describe.ts"

/** The request of a create: the model, and two older forms of `mounts` that are still accepted (PROTOCOL P4). */
export class CreateRequest extends Schema.Class<CreateRequest>("effect-devbox/wire/CreateRequest")({
  ...CreateParams.fields,
  codeMounts: nullish(Schema.Array(CodeMount)),
  fileMounts: nullish(Schema.Record(Schema.String, Schema.String))
}) {}

/** The request of an update: absent keys stay, metadata is replaced as a whole. */
export const UpdateDevbox = Schema.Struct({
  name: nullish(Schema.String),
  metadata: nullish(Schema.Record(Schema.String, Schema.String))
})

/** The request of a hold; the time is in seconds and may be a fraction. */
export const WaitForStatus = snakeCase(
  Schema.Struct({ statuses: Schema.Array(DevboxStatus), timeoutSeconds: nullish(Schema.Finite) })
)

/** A page of devboxes. */
export const DevboxPage = Schema.Struct({ devboxes: Schema.Array(DevboxInfoJson), ...pageFields })

/** The log of a devbox. */
export const DevboxLogs = Schema.Struct({ logs: Schema.Array(LogEntryJson) })

/** The endpoints. */
export const devboxes = ({ failures, get, post, StreamSse }: Describe) => {
  const create = {
    payload: [snakeCase(CreateRequest), Schema.Null],
    success: DevboxInfoJson,
    error: failures
  } as const
  return [
    post("create", "/v1/devboxes", create),
    post("createAndAwaitRunning", "/v1/devboxes/create_and_await_running", create),
    get("list", "/v1/devboxes", {
      query: metadataPageQuery({ status: queryText }),
      success: DevboxPage,
      error: failures
    }),
    get("watchEvictions", "/v1/devboxes/evictions/watch", {
      headers: accept,
      success: StreamSse({ events: NoticeEvents }),
      error: failures
    }),
    get("retrieve", "/v1/devboxes/:id", { params: byId, success: DevboxInfoJson, error: failures }),
    post("update", "/v1/devboxes/:id", {
      params: byId,
      payload: [UpdateDevbox, Schema.Null],
      success: DevboxInfoJson,
      error: failures
    }),
    post("waitForStatus", "/v1/devboxes/:id/wait_for_status", {
      params: byId,
      payload: WaitForStatus,
      success: DevboxInfoJson,
      error: failures
    }),
    post("shutdown", "/v1/devboxes/:id/shutdown", {
      params: byId,
      query: { force: queryFlag },
      success: DevboxInfoJson,
      error: failures
    }),
    post("suspend", "/v1/devboxes/:id/suspend", {
      params: byId,
      success: DevboxInfoJson,
      error: failures
    }),
    post("resume", "/v1/devboxes/:id/resume", {
      params: byId,
      success: DevboxInfoJson,
      error: failures
    }),
    post("keepAlive", "/v1/devboxes/:id/keep_alive", { params: byId, success: Opaque, error: failures }),
    get("usage", "/v1/devboxes/:id/usage", { params: byId, success: UsageJson, error: failures }),
    get("logs", "/v1/devboxes/:id/logs", {
      params: byId,
      query: { execution_id: queryText, shell_name: queryText },
      success: DevboxLogs,
      error: failures
    })
  ] as const
}
