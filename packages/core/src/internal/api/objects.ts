/** The endpoints of storage objects (PROTOCOL P11). Their bytes go to and come from addresses outside this interface. */
import * as Schema from "effect/Schema"
import { ObjectInfoJson, ObjectParamsJson } from "../../StorageObjects.ts"
import { byId, pageFields, pageQuery, queryCount, queryText } from "./common.ts"
import type { Describe } from "./describe.ts"

/** A page of objects. */
export const ObjectPage = Schema.Struct({ objects: Schema.Array(ObjectInfoJson), ...pageFields })

/** The endpoints. */
export const objects = ({ failures, get, post }: Describe) => {
  const list = {
    query: { ...pageQuery, content_type: queryText, state: queryText, name: queryText, search: queryText },
    success: ObjectPage,
    error: failures
  } as const
  return [
    post("create", "/v1/objects", {
      payload: ObjectParamsJson,
      success: ObjectInfoJson,
      error: failures
    }),
    get("list", "/v1/objects", list),
    get("listPublic", "/v1/objects/list_public", list),
    get("retrieve", "/v1/objects/:id", { params: byId, success: ObjectInfoJson, error: failures }),
    post("complete", "/v1/objects/:id/complete", {
      params: byId,
      success: ObjectInfoJson,
      error: failures
    }),
    get("download", "/v1/objects/:id/download", {
      params: byId,
      query: { duration_seconds: queryCount },
      success: Schema.Struct({ download_url: Schema.RedactedFromValue(Schema.String) }),
      error: failures
    }),
    post("delete", "/v1/objects/:id/delete", { params: byId, success: ObjectInfoJson, error: failures })
  ] as const
}
