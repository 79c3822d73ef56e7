/** What a failure of the connection says, in the words of whichever HTTP client: whether anything was sent, and why it failed. */
import type * as HttpClientError from "effect/http/HttpClientError"

/** Failures after which the server cannot have seen the request; of certificates, all. */
const beforeSending =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|E(HOST|NET)(UNREACH|DOWN)|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|UNABLE_TO_\w+)$|CERT/

/** Requests that no client can send: an address or a header is none. */
const impossible = /^(UND_)?ERR_INVALID_(URL|ARG)$/

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

/** What became of the request: it can never be sent as it is, it certainly did not reach the server, or it may have. */
export const fateOf = (error: HttpClientError.HttpClientError): "impossible" | "unsent" | "unknown" => {
  for (const { code, syscall } of chain(error.reason)) {
    if (typeof code !== "string") continue
    if (impossible.test(code)) return "impossible"
    // A connection can find its host or network unreachable long after it was made.
    if (beforeSending.test(code) && syscall !== "read" && syscall !== "write") return "unsent"
  }
  return "unknown"
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
