/** The neighbours of devboxes are optional: a server without a store for them says so, and does nothing. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import { unsupported } from "../../DevboxBackend.ts"
import type { WireError } from "../wireError.ts"
import { answered } from "./respond.ts"

/** Uses a store, where there is one. */
export type Having<S> = <A, E extends WireError>(
  use: (store: S) => Effect.Effect<A, E>
) => Effect.Effect<A | HttpServerResponse.HttpServerResponse>

/** Looks for a store. */
export const having = <I, S>(store: Context.Key<I, S>, what: string): Effect.Effect<Having<S>> =>
  Effect.map(
    Effect.serviceOption(store),
    (found) => (use) =>
      Option.isSome(found)
        ? answered(use(found.value))
        : answered(Effect.fail(unsupported("server", what, what, `this server does not offer ${what}`)))
  )
