/** The endpoints of secrets, which are addressed by name (PROTOCOL P11). */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { SecretInfoJson } from "../../Secrets.ts"
import { pageFields, queryCount } from "./common.ts"
import { failures } from "./failures.ts"

const byName = { name: Schema.String }
const value = Schema.RedactedFromValue(Schema.String)

/** See above. */
export class SecretsApi extends HttpApiGroup.make("secrets").add(
  HttpApiEndpoint.post("create", "/v1/secrets", {
    payload: Schema.Struct({ name: Schema.String, value }),
    success: SecretInfoJson,
    error: failures
  }),
  HttpApiEndpoint.get("list", "/v1/secrets", {
    query: { limit: queryCount },
    success: Schema.Struct({ secrets: Schema.Array(SecretInfoJson), ...pageFields }),
    error: failures
  }),
  HttpApiEndpoint.get("retrieve", "/v1/secrets/:name", { params: byName, success: SecretInfoJson, error: failures }),
  HttpApiEndpoint.post("update", "/v1/secrets/:name", {
    params: byName,
    payload: Schema.Struct({ value }),
    success: SecretInfoJson,
    error: failures
  }),
  HttpApiEndpoint.post("delete", "/v1/secrets/:name/delete", {
    params: byName,
    success: SecretInfoJson,
    error: failures
  })
) {}
