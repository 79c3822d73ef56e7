/** What a failure of the connection says, in the words of whichever HTTP client: whether anything was sent, and why it failed. */
import type * as HttpClientError from "effect/http/HttpClientError"

/** Failures after which the server cannot have seen the request. */
const beforeSending: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
])

/** Requests that no client can send: an address or a header is none. */
const impossible: ReadonlySet<string> = new Set(["ERR_INVALID_URL", "UND_ERR_INVALID_ARG"])

/** What is done before there is a connection. */
const connecting: ReadonlySet<unknown> = new Set([undefined, "connect", "getaddrinfo"])

interface Link {
  readonly code?: unknown
  readonly syscall?: unknown
  readonly message?: unknown
}

/** The error and what caused it, down to the one that knows. */
function* chain(error: unknown): Generator<Link> {
  let at = error
  for (let depth = 0; depth < 8 && typeof at === "object" && at !== null; depth++) {
    yield at
    const { cause, errors, reason } = at as { cause?: unknown; errors?: unknown; reason?: unknown }
    // Connecting to several addresses fails with one error for each; they fail alike.
    at = cause ?? (Array.isArray(errors) ? errors[0] : reason)
  }
}

/** Whether the request certainly did not reach the server. */
export const isBeforeSending = (error: HttpClientError.HttpClientError): boolean => {
  for (const { code, syscall } of chain(error.reason)) {
    // A connection can find its host or network unreachable long after it was made.
    if (typeof code === "string" && beforeSending.has(code) && connecting.has(syscall)) return true
  }
  return false
}

/** Whether the request can never be sent as it is. */
export const isImpossible = (error: HttpClientError.HttpClientError): boolean => {
  for (const { code } of chain(error.reason)) if (typeof code === "string" && impossible.has(code)) return true
  return false
}

/** The failure for people: the innermost cause, and where the request went. */
export const describeFailure = (error: HttpClientError.HttpClientError, baseUrl: string): string => {
  // Not the client's own message: it has the whole address, which can be a permission.
  let said = error.reason.description ?? ""
  for (const { code, message } of chain(error.reason.cause)) {
    if (typeof message !== "string" || message === "") continue
    said = typeof code === "string" && !message.includes(code) ? `${message} (${code})` : message
  }
  return `the connection to ${baseUrl} failed: ${said === "" ? error.reason._tag : said}`
}
