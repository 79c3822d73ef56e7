/** Ports inside a devbox: a connection, the wait until somebody listens, and one HTTP request. */
import * as Effect from "effect/Effect"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Connection, Shape } from "../../DevboxBackend.ts"
import type { ReadyError, WaitError } from "../../DevboxError.ts"
import type { AwaitOptions } from "../../DevboxHandle.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { settle } from "../settle.ts"
import { validPort } from "./network.ts"

/** A connection. It is not made again when it fails: a program that waits for its server says so with `awaitPort`. */
export const dial = (backend: Shape, id: DevboxId, port: number): Effect.Effect<Connection, ReadyError, Scope.Scope> =>
  Effect.andThen(validPort(backend, "dial", port), backend.dial(id, port))

/** Programs that have just been started listen within moments; those that take longer are asked less often. */
const moments = Schedule.min([Schedule.exponential("20 millis", 1.5), Schedule.spaced("1 second")])

/** Waits until somebody listens. A connection that is refused is a "not yet", which the timeout repeats; everything else is final. */
export const awaitPort = (
  backend: Shape,
  id: DevboxId,
  port: number,
  options: AwaitOptions = {}
): Effect.Effect<void, WaitError> =>
  Effect.andThen(
    validPort(backend, "awaitPort", port),
    settle(
      {
        operation: "awaitPort",
        id,
        look: Effect.scoped(backend.dial(id, port)).pipe(
          Effect.as(undefined),
          Effect.catchTag("BackendError", (error) =>
            error.reason._tag === "TransportError" ? Effect.succeed(error.reason.detail) : Effect.fail(error)
          )
        ),
        judge: (refusal) => (refusal === undefined ? Effect.void : undefined),
        status: (refusal) => refusal ?? "",
        deadline: "default"
      },
      // The schedule that a caller gives ends the wait by itself; ours does not.
      options.schedule === undefined ? { timeout: options.timeout ?? "2 minutes", schedule: moments } : options
    )
  )

/** One request, sent once. */
export const fetch = (
  backend: Shape,
  id: DevboxId,
  port: number,
  request: HttpClientRequest
): Effect.Effect<HttpClientResponse, ReadyError> =>
  Effect.andThen(validPort(backend, "fetch", port), backend.fetch(id, port, request))
