/** The endpoints of secrets, which are addressed by name (PROTOCOL P11). */
import * as Schema from "effect/Schema"
import { SecretInfoJson } from "../../Secrets.ts"
import { pageFields, queryCount } from "./common.ts"
import type { Describe } from "./describe.ts"

const byName = { name: Schema.String }
const value = Schema.RedactedFromValue(Schema.String)

/** The endpoints. */
export const secrets = ({ failures, get, post }: Describe) => {
  return [
    post("create", "/v1/secrets", {
      payload: Schema.Struct({ name: Schema.String, value }),
      success: SecretInfoJson,
      error: failures
    }),
    get("list", "/v1/secrets", {
      query: { limit: queryCount },
      success: Schema.Struct({ secrets: Schema.Array(SecretInfoJson), ...pageFields }),
      error: failures
    }),
    get("retrieve", "/v1/secrets/:name", { params: byName, success: SecretInfoJson, error: failures }),
    post("update", "/v1/secrets/:name", {
      params: byName,
      payload: Schema.Struct({ value }),
      success: SecretInfoJson,
      error: failures
    }),
    post("delete", "/v1/secrets/:name/delete", {
      params: byName,
      success: SecretInfoJson,
      error: failures
    })
  ] as const
}
