/**
 * The one table between our errors and what the wire says: status, word, body and whether to try again. The server reads it in
 * one direction, the client in the other, so the two cannot disagree. A refusal of ours carries the error itself and is read
 * back exactly; of anybody else's only status, headers and message are known (PROTOCOL P1).
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import {
  AuthenticationError,
  BackendError,
  type BackendReason,
  Conflict,
  DevboxNotReady,
  FileError,
  InvalidRequestError,
  IsolationUnavailable,
  OutputLost,
  RateLimitError,
  ResourceNotFound,
  TransportError,
  UnavailableError,
  UnexpectedResponseError,
  UnsupportedError
} from "../DevboxError.ts"
import { snakeCase } from "./snakeCase.ts"

/** Every error that a backend's operations have, and so the wire. */
export type WireError = BackendError | ResourceNotFound | DevboxNotReady | Conflict | FileError | OutputLost

/** A refusal as the wire carries it. */
export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: { readonly message: string; readonly code?: string | undefined; readonly details?: unknown }
}

/** What the reader of a refusal knows about the request that was refused. */
export interface Request {
  readonly backend: string
  readonly operation: string
  /** What a plain 404 is about. */
  readonly about?: { readonly resource: ResourceNotFound["resource"]; readonly id: string } | undefined
  /** What a plain 409 is about, where it can be nothing else. */
  readonly conflict?: string | undefined
  readonly file?: { readonly devboxId: string; readonly path: string } | undefined
  /** Whether it changes nothing, so that a failure is never in doubt. */
  readonly reads: boolean
  readonly now: number
}

/** One error and how it travels. What only a server needs of it is with {@link encode}, so that a client does not carry it. */
interface Row<E> {
  readonly code: string
  readonly json: Schema.ConstraintCodec<E, object>
}

/** The errors that stand for themselves. None is worth sending again as it is. */
const errors = {
  ResourceNotFound: { code: "not_found", json: snakeCase(ResourceNotFound) },
  DevboxNotReady: { code: "devbox_not_ready", json: snakeCase(DevboxNotReady) },
  Conflict: { code: "conflict", json: snakeCase(Conflict) },
  FileError: { code: "file_error", json: snakeCase(FileError) },
  OutputLost: { code: "output_lost", json: snakeCase(OutputLost) }
}

/** The reasons of a `BackendError`. */
const reasons = {
  TransportError: { code: "transport_error", json: snakeCase(TransportError) },
  AuthenticationError: { code: "unauthorized", json: snakeCase(AuthenticationError) },
  RateLimitError: { code: "rate_limited", json: snakeCase(RateLimitError) },
  InvalidRequestError: { code: "invalid_request", json: snakeCase(InvalidRequestError) },
  UnavailableError: { code: "unavailable", json: snakeCase(UnavailableError) },
  UnexpectedResponseError: { code: "unexpected_response", json: snakeCase(UnexpectedResponseError) },
  UnsupportedError: { code: "unsupported", json: snakeCase(UnsupportedError) },
  IsolationUnavailable: { code: "isolation_unavailable", json: snakeCase(IsolationUnavailable) }
}

/** What is said of a `BackendError` besides its reason. */
const Circumstances = snakeCase(
  Schema.Struct({
    outcome: Schema.Literals(["rejected", "ambiguous"]),
    shouldRetry: Schema.optionalKey(Schema.Boolean)
  })
)

const errorRows: Readonly<Record<Exclude<WireError["_tag"], "BackendError">, Row<WireError>>> = errors
const reasonRows: Readonly<Record<BackendReason["_tag"], Row<BackendReason>>> = reasons
const decodeCircumstances = Schema.decodeUnknownOption(Circumstances)

const fileStatus: Readonly<Record<FileError["kind"], number>> = {
  NotFound: 404,
  PermissionDenied: 403,
  IsDirectory: 400,
  NotADirectory: 400,
  TooLarge: 413,
  InvalidPath: 400,
  InvalidUtf8: 400,
  NoSpace: 507,
  Unknown: 500
}

const statuses: Readonly<
  Record<Exclude<WireError["_tag"], "BackendError" | "FileError"> | BackendReason["_tag"], number>
> = {
  ResourceNotFound: 404,
  DevboxNotReady: 409,
  Conflict: 409,
  OutputLost: 410,
  TransportError: 502,
  AuthenticationError: 401,
  RateLimitError: 429,
  InvalidRequestError: 400,
  UnavailableError: 503,
  UnexpectedResponseError: 502,
  UnsupportedError: 501,
  IsolationUnavailable: 501
}

const write = ({ json }: Row<unknown>, error: unknown): object => Schema.encodeUnknownSync(json)(error)

/** Our error → the refusal that the server answers with. */
export const encode = (error: WireError): Refusal => {
  if (error._tag !== "BackendError") {
    const row = errorRows[error._tag]
    return {
      status: error._tag === "FileError" ? fileStatus[error.kind] : statuses[error._tag],
      headers: { "x-should-retry": "false" },
      body: { message: error.message, code: row.code, details: write(row, error) }
    }
  }
  const { reason, retryAfter } = error
  const row = reasonRows[reason._tag]
  const wait = retryAfter === undefined ? undefined : Duration.toMillis(retryAfter)
  return {
    status: statuses[reason._tag],
    headers: {
      // What may have been done already is for the caller to judge, never to be sent again blindly.
      "x-should-retry": String(error.isRetryable && error.outcome === "rejected"),
      ...(wait === undefined
        ? {}
        : { "retry-after-ms": String(Math.ceil(wait)), "retry-after": String(Math.max(1, Math.ceil(wait / 1000))) })
    },
    body: {
      // An official client shows this text; a client of ours builds its own from the details.
      message: reason._tag === "IsolationUnavailable" ? error.message : reason.detail,
      code: row.code,
      details: { ...write(row, reason), ...Schema.encodeSync(Circumstances)(error) }
    }
  }
}

/** The hold ended before anything happened. No error of ours: the caller looks again. */
export const holdExpired = (message: string): Refusal => ({
  status: 408,
  headers: { "x-should-retry": "true" },
  body: { message, code: "hold_expired" }
})

const read = <E>({ json }: Row<E>, details: unknown): Option.Option<E> => Schema.decodeUnknownOption(json)(details)

/** A refusal of ours → the error it was made from. */
const decodeOwn = (refused: Refusal, request: Request): WireError | undefined => {
  const { code, details } = refused.body
  if (code === undefined || details === undefined) return undefined
  const whole = Object.values(errorRows).find((row) => row.code === code)
  if (whole !== undefined) return Option.getOrUndefined(read(whole, details))
  const known = Object.values(reasonRows).find((row) => row.code === code)
  const reason = known === undefined ? Option.none() : read(known, details)
  const circumstances = decodeCircumstances(details)
  if (Option.isNone(reason) || Option.isNone(circumstances)) return undefined
  const { backend, operation } = request
  return new BackendError({ backend, operation, reason: reason.value, ...circumstances.value })
}

const sound = (wait: number): number | undefined => (wait > 0 && wait < Infinity ? wait : undefined)

/** How long the server asks to wait, in milliseconds. */
const retryAfter = ({ headers }: Refusal, now: number): number | undefined => {
  const after = headers["retry-after"] ?? ""
  const seconds = Number(after)
  return (
    sound(Number(headers["retry-after-ms"])) ??
    sound(Number.isFinite(seconds) ? seconds * 1000 : Date.parse(after) - now)
  )
}

const isRequestAtFault: ReadonlySet<number> = new Set([400, 402, 405, 406, 411, 412, 413, 414, 415, 422, 431])

/** What a status means for which no other error is right. */
const reasonOf = (
  status: number,
  detail: string,
  wait: number | undefined,
  operation: string,
  passing: boolean
): BackendReason => {
  const retryAfterMs = wait === undefined ? {} : { retryAfterMs: wait }
  if (status === 401 || status === 403) return new AuthenticationError({ detail })
  if (status === 429) return new RateLimitError({ detail, ...retryAfterMs })
  if (isRequestAtFault.has(status)) return new InvalidRequestError({ detail })
  if (status === 501) return new UnsupportedError({ feature: operation, detail })
  // 409 without more is a lock that is held: official clients try again, too.
  if (passing || status === 408 || status === 409 || status === 425 || status >= 500) {
    return new UnavailableError({ detail, status, ...retryAfterMs })
  }
  return new UnexpectedResponseError({ detail })
}

/** A server of whom nothing but HTTP is known. */
const decodeForeign = (refused: Refusal, request: Request): WireError => {
  const { status } = refused
  const text = refused.body.message.trim().slice(0, 500)
  const { about, backend, file, operation } = request
  const hint = refused.headers["x-should-retry"]
  // What may succeed in a moment is no verdict on the thing that was asked for.
  const passing = hint === "true"
  // A 404 of a file and one of its devbox differ in their words only.
  if (status === 404 && !passing && file !== undefined && /\b(file|path|directory)\b/i.test(text)) {
    return new FileError({ ...file, kind: "NotFound" })
  }
  if (status === 404 && !passing && about !== undefined) return new ResourceNotFound(about)
  if (status === 413 && file !== undefined) return new FileError({ ...file, kind: "TooLarge", detail: text })
  if (status === 409 && !passing && request.conflict !== undefined) {
    return new Conflict({
      devboxId: request.conflict,
      detail: text === "" ? "the operation clashes with another" : text
    })
  }
  const wait = retryAfter(refused, request.now)
  // The server took the request and refused it, unless it failed midway; then only its own word says that nothing was done.
  const undone = status < 500 ? status !== 408 : passing || (status === 503 && wait !== undefined) || status === 501
  return new BackendError({
    backend,
    operation,
    reason: reasonOf(
      status,
      text === "" ? `the answer was status ${status}` : `${text} (status ${status})`,
      wait,
      operation,
      passing
    ),
    outcome: request.reads || undone ? "rejected" : "ambiguous",
    ...(hint === "true" || hint === "false" ? { shouldRetry: hint === "true" } : {})
  })
}

/** The refusal that a server answered with → our error. */
export const decode = (refused: Refusal, request: Request): WireError =>
  decodeOwn(refused, request) ?? decodeForeign(refused, request)

/** The text of a refusal's body → the body. Anything can come: JSON of ours, of others, a page of HTML, nothing. */
export const parseBody = (text: string): Refusal["body"] => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // A page of HTML says nothing to a person that its status does not.
    return { message: /^\s*</.test(text) ? "" : text }
  }
  if (typeof parsed !== "object" || parsed === null) return { message: text }
  const { code, details, message } = parsed as Record<string, unknown>
  return {
    message: typeof message === "string" ? message : message === undefined ? "" : JSON.stringify(message),
    ...(typeof code === "string" ? { code } : {}),
    ...(details === undefined || details === null ? {} : { details })
  }
}
