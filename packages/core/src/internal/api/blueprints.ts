/** The endpoints of blueprints (PROTOCOL P11). */
import * as Schema from "effect/Schema"
import { BlueprintInfoJson, BlueprintLogEntryJson, BlueprintParamsJson } from "../../Blueprints.ts"
import { byId, Opaque, pageFields, pageQuery, queryText } from "./common.ts"
import type { Describe } from "./describe.ts"

/** A page of blueprints. */
export const BlueprintPage = Schema.Struct({ blueprints: Schema.Array(BlueprintInfoJson), ...pageFields })

/** The endpoints. */
export const blueprints = ({ failures, get, post }: Describe) => {
  const list = {
    query: { ...pageQuery, name: queryText, status: queryText },
    success: BlueprintPage,
    error: failures
  } as const
  return [
    post("create", "/v1/blueprints", {
      payload: BlueprintParamsJson,
      success: BlueprintInfoJson,
      error: failures
    }),
    get("list", "/v1/blueprints", list),
    get("listPublic", "/v1/blueprints/list_public", list),
    post("preview", "/v1/blueprints/preview", {
      payload: BlueprintParamsJson,
      success: Schema.Struct({ dockerfile: Schema.String }),
      error: failures
    }),
    get("retrieve", "/v1/blueprints/:id", { params: byId, success: BlueprintInfoJson, error: failures }),
    post("delete", "/v1/blueprints/:id/delete", { params: byId, success: Opaque, error: failures }),
    get("logs", "/v1/blueprints/:id/logs", {
      params: byId,
      success: Schema.Struct({ blueprint_id: Schema.String, logs: Schema.Array(BlueprintLogEntryJson) }),
      error: failures
    })
  ] as const
}
