/**
 * The events of the server-sent streams, as an explicit union of data and error. Comments are heartbeats and no events; every
 * event whose name is not `error` carries data, whatever its name (PROTOCOL P3).
 */
import * as Schema from "effect/Schema"
import { NoticeJson } from "../../DevboxModel.ts"
import { nullish } from "../snakeCase.ts"
import { failureFields } from "./failureFields.ts"

/**
 * A piece of output. `offset` is the byte position after it on our servers and may be the one before it elsewhere. The fields
 * below `offset` are ours and sent only to clients that ask with {@link bytesHeader}.
 */
export class OutputUpdate extends Schema.Class<OutputUpdate>("effect-devbox/wire/OutputUpdate")({
  output: Schema.String,
  offset: nullish(Schema.Int),
  /** The bytes themselves, in which case `output` is empty. */
  bytes: nullish(Schema.Uint8ArrayFromBase64),
  /** The output is complete, and `offset` is its length. */
  end: nullish(Schema.Boolean)
}) {}

/** The header with which a client asks for exact bytes, and its value. */
export const bytesHeader = { name: "x-effect-devbox-output", value: "base64" } as const

/** What an `error` event says: a status as a number or a numeral, and a message. */
export class StreamFailure extends Schema.Class<StreamFailure>("effect-devbox/wire/StreamFailure")({
  ...failureFields,
  code: nullish(Schema.Union([Schema.Finite, Schema.String])),
  /** Ours: the word for the failure, as `code` is in a response. */
  kind: nullish(Schema.String)
}) {}

const ErrorEvent = Schema.Struct({
  event: Schema.Literal("error"),
  data: Schema.fromJsonString(StreamFailure)
})

/** The events of an output stream. */
export const OutputEvents = Schema.Union([
  ErrorEvent,
  Schema.Struct({ event: Schema.String, data: Schema.fromJsonString(OutputUpdate) })
])

/** The events of the eviction watch. */
export const NoticeEvents = Schema.Union([
  ErrorEvent,
  Schema.Struct({ event: Schema.String, data: Schema.fromJsonString(NoticeJson) })
])
