/** What the body of a refusal is made of. */
import * as Schema from "effect/Schema"
import { nullish } from "../snakeCase.ts"

/** The body of a refusal. Ours has `code` and `details`; of others only `message` can be hoped for (PROTOCOL P1). */
export const failureFields = {
  message: nullish(Schema.String),
  code: nullish(Schema.Union([Schema.String, Schema.Finite])),
  details: nullish(Schema.Unknown)
}
