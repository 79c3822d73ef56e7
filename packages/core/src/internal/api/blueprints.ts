/** The endpoints of blueprints (PROTOCOL P11). */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { BlueprintInfoJson, BlueprintLogEntryJson, BlueprintParamsJson } from "../../Blueprints.ts"
import { byId, Opaque, pageFields, pageQuery, queryText } from "./common.ts"
import { failures } from "./failures.ts"

/** A page of blueprints. */
export const BlueprintPage = Schema.Struct({ blueprints: Schema.Array(BlueprintInfoJson), ...pageFields })

const list = {
  query: { ...pageQuery, name: queryText, status: queryText },
  success: BlueprintPage,
  error: failures
} as const

/** See above. */
export class BlueprintsApi extends HttpApiGroup.make("blueprints").add(
  HttpApiEndpoint.post("create", "/v1/blueprints", {
    payload: BlueprintParamsJson,
    success: BlueprintInfoJson,
    error: failures
  }),
  HttpApiEndpoint.get("list", "/v1/blueprints", list),
  HttpApiEndpoint.get("listPublic", "/v1/blueprints/list_public", list),
  HttpApiEndpoint.post("preview", "/v1/blueprints/preview", {
    payload: BlueprintParamsJson,
    success: Schema.Struct({ dockerfile: Schema.String }),
    error: failures
  }),
  HttpApiEndpoint.get("retrieve", "/v1/blueprints/:id", { params: byId, success: BlueprintInfoJson, error: failures }),
  HttpApiEndpoint.post("delete", "/v1/blueprints/:id/delete", { params: byId, success: Opaque, error: failures }),
  HttpApiEndpoint.get("logs", "/v1/blueprints/:id/logs", {
    params: byId,
    success: Schema.Struct({ blueprint_id: Schema.String, logs: Schema.Array(BlueprintLogEntryJson) }),
    error: failures
  })
) {}
