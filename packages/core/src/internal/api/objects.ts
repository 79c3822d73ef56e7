/** The endpoints of storage objects (PROTOCOL P11). Their bytes go to and come from addresses outside this interface. */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ObjectInfoJson, ObjectParamsJson } from "../../StorageObjects.ts"
import { byId, pageFields, pageQuery, queryCount, queryText } from "./common.ts"
import { failures } from "./failures.ts"

/** A page of objects. */
export const ObjectPage = Schema.Struct({ objects: Schema.Array(ObjectInfoJson), ...pageFields })

const list = {
  query: { ...pageQuery, content_type: queryText, state: queryText, name: queryText, search: queryText },
  success: ObjectPage,
  error: failures
} as const

/** See above. */
export class ObjectsApi extends HttpApiGroup.make("objects").add(
  HttpApiEndpoint.post("create", "/v1/objects", {
    payload: ObjectParamsJson,
    success: ObjectInfoJson,
    error: failures
  }),
  HttpApiEndpoint.get("list", "/v1/objects", list),
  HttpApiEndpoint.get("listPublic", "/v1/objects/list_public", list),
  HttpApiEndpoint.get("retrieve", "/v1/objects/:id", { params: byId, success: ObjectInfoJson, error: failures }),
  HttpApiEndpoint.post("complete", "/v1/objects/:id/complete", {
    params: byId,
    success: ObjectInfoJson,
    error: failures
  }),
  HttpApiEndpoint.get("download", "/v1/objects/:id/download", {
    params: byId,
    query: { duration_seconds: queryCount },
    success: Schema.Struct({ download_url: Schema.RedactedFromValue(Schema.String) }),
    error: failures
  }),
  HttpApiEndpoint.post("delete", "/v1/objects/:id/delete", { params: byId, success: ObjectInfoJson, error: failures })
) {}
