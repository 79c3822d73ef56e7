/** The pieces that the descriptions of endpoints share: path parameters, lenient query values, lists, opaque answers. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { nullish } from "../snakeCase.ts"

/** The id in a path. */
export const byId = { id: Schema.String }

/** The ids of a command in a path. */
export const byExecution = { id: Schema.String, executionId: Schema.String }

/** A query value that may be absent; official clients send `key=` for null (PROTOCOL P1). */
const query = <S extends Schema.Top & { readonly Encoded: string }>(schema: S) =>
  Schema.optionalKey(Schema.String).pipe(
    Schema.decodeTo(Schema.optionalKey(schema), {
      decode: SchemaGetter.transformOptional<S["Encoded"], string>(Option.filter((text) => text !== "")),
      encode: SchemaGetter.transformOptional<string, S["Encoded"]>((text) => text)
    })
  )

const flag = Schema.Literals(["true", "false"]).pipe(
  Schema.decodeTo(Schema.Boolean, {
    decode: SchemaGetter.transform((word: "true" | "false") => word === "true"),
    encode: SchemaGetter.transform((value: boolean): "true" | "false" => (value ? "true" : "false"))
  })
)

/** A query value that is text. */
export const queryText = query(Schema.String)

/** A query value that is a whole number, zero or more. */
export const queryCount = query(
  Schema.FiniteFromString.pipe(Schema.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(0)))
)

/** A query value that is yes or no. */
export const queryFlag = query(flag)

/** Which part of a list (PROTOCOL P1). */
export const pageQuery = {
  limit: queryCount,
  starting_after: queryText,
  include_total_count: queryFlag
}

/** Which part of a list, of the items that carry some metadata: `metadata[key]=value` (PROTOCOL P9). */
export const metadataPageQuery = <F extends Schema.Struct.Fields>(fields: F) =>
  Schema.StructWithRest(Schema.Struct({ ...pageQuery, ...fields }), [Schema.Record(metadataKey, Schema.String)])

const metadataKey = Schema.TemplateLiteral(["metadata[", Schema.String])

/** The counts that come with a page; `has_more` is missing on some servers. */
export const pageFields = {
  has_more: nullish(Schema.Boolean),
  total_count: nullish(Schema.Int)
}

/** An answer whose content means nothing; servers send `{}`. */
export const Opaque = Schema.Unknown

/** A header that asks for a kind of answer. */
export const accept = { accept: Schema.optionalKey(Schema.String) }
