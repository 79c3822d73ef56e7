/** Errors of ours → answers. Every handler goes through here, so that no failure leaves in another form than the table's. */
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { BackendReason } from "../../DevboxError.ts"
import { BackendError } from "../../DevboxError.ts"
import { defined } from "../defined.ts"
import { encode, type Refusal, type WireError } from "../wireError.ts"

/** A refusal as an answer. */
export const toResponse = ({ body, headers, status }: Refusal): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body, { status, headers: defined(headers) as Record<string, string> })

/** The effect with its failure as an answer. */
export const answered = <A, E extends WireError, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A | HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catch(effect, (error) => Effect.succeed(toResponse(encode(error))))

/** An error of the server itself. */
export const failure = (operation: string, reason: BackendReason): BackendError =>
  new BackendError({ backend: "server", operation, outcome: "rejected", reason })

/** The answer that means nothing beyond success; official clients stumble over an empty one (PROTOCOL P1). */
export const nothing = {}
