/** The errors of the server's own stores. */
import { BackendError, type BackendReason, InvalidRequestError } from "@effect-devbox/core/DevboxError"
import { unsupported } from "@effect-devbox/core/DevboxBackend"

/** The word that stands for the server in errors. */
export const name = "server"

/** A failure that is not about the request. */
export const failure = (operation: string, reason: BackendReason) =>
  new BackendError({ backend: name, operation, outcome: "rejected", reason })

/** The request makes no sense. */
export const invalid = (operation: string, detail: string): BackendError =>
  failure(operation, new InvalidRequestError({ detail }))

/** The server does not have it, or its operator does not allow it. */
export const refused = (operation: string, feature: string, detail: string): BackendError =>
  unsupported(name, operation, feature, detail)
