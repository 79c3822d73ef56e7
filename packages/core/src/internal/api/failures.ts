/**
 * Every status with which a call can be refused, each with a class, so that no answer is outside the description. What a
 * refusal means is not said here but in `internal/wireError.ts`.
 */
import * as Schema from "effect/Schema"
import { failureFields } from "./failureFields.ts"

/** The request is malformed, or asks for something that makes no sense. */
export class BadRequest extends Schema.Error<BadRequest>("BadRequest")(failureFields, { httpApiStatus: 400 }) {
  readonly _tag = "BadRequest"
}

/** The key is missing or not valid. */
export class Unauthorized extends Schema.Error<Unauthorized>("Unauthorized")(failureFields, { httpApiStatus: 401 }) {
  readonly _tag = "Unauthorized"
}

/** The key, or the user in the devbox, may not do this. */
export class Forbidden extends Schema.Error<Forbidden>("Forbidden")(failureFields, { httpApiStatus: 403 }) {
  readonly _tag = "Forbidden"
}

/** There is no such thing. */
export class NotFound extends Schema.Error<NotFound>("NotFound")(failureFields, { httpApiStatus: 404 }) {
  readonly _tag = "NotFound"
}

/** The hold ended before anything happened; ask again. */
export class HoldExpired extends Schema.Error<HoldExpired>("HoldExpired")(failureFields, { httpApiStatus: 408 }) {
  readonly _tag = "HoldExpired"
}

/** The operation clashes with the state of the devbox. */
export class Conflicting extends Schema.Error<Conflicting>("Conflicting")(failureFields, { httpApiStatus: 409 }) {
  readonly _tag = "Conflicting"
}

/** What was there is lost. */
export class Gone extends Schema.Error<Gone>("Gone")(failureFields, { httpApiStatus: 410 }) {
  readonly _tag = "Gone"
}

/** The body, or the file, is too large. */
export class TooLarge extends Schema.Error<TooLarge>("TooLarge")(failureFields, { httpApiStatus: 413 }) {
  readonly _tag = "TooLarge"
}

/** The request is well formed but cannot be followed. */
export class Unprocessable extends Schema.Error<Unprocessable>("Unprocessable")(failureFields, { httpApiStatus: 422 }) {
  readonly _tag = "Unprocessable"
}

/** Too many requests. */
export class RateLimited extends Schema.Error<RateLimited>("RateLimited")(failureFields, { httpApiStatus: 429 }) {
  readonly _tag = "RateLimited"
}

/** The server failed. */
export class InternalFailure extends Schema.Error<InternalFailure>("InternalFailure")(failureFields, {
  httpApiStatus: 500
}) {
  readonly _tag = "InternalFailure"
}

/** The server does not have this. */
export class NotImplemented extends Schema.Error<NotImplemented>("NotImplemented")(failureFields, {
  httpApiStatus: 501
}) {
  readonly _tag = "NotImplemented"
}

/** Something behind the server failed. */
export class BadGateway extends Schema.Error<BadGateway>("BadGateway")(failureFields, { httpApiStatus: 502 }) {
  readonly _tag = "BadGateway"
}

/** The server cannot do it at the moment. */
export class Unavailable extends Schema.Error<Unavailable>("Unavailable")(failureFields, { httpApiStatus: 503 }) {
  readonly _tag = "Unavailable"
}

/** Something behind the server did not answer in time. */
export class GatewayTimeout extends Schema.Error<GatewayTimeout>("GatewayTimeout")(failureFields, {
  httpApiStatus: 504
}) {
  readonly _tag = "GatewayTimeout"
}

/** The disk of the devbox is full. */
export class NoSpace extends Schema.Error<NoSpace>("NoSpace")(failureFields, { httpApiStatus: 507 }) {
  readonly _tag = "NoSpace"
}

/** The refusals that every endpoint declares. */
export const failures = [
  BadRequest,
  Unauthorized,
  Forbidden,
  NotFound,
  HoldExpired,
  Conflicting,
  Gone,
  TooLarge,
  Unprocessable,
  RateLimited,
  InternalFailure,
  NotImplemented,
  BadGateway,
  Unavailable,
  GatewayTimeout,
  NoSpace
] as const
