/** Whose request is being carried out. */
import { CurrentCaller } from "@effect-devbox/core/ApiKeys"
import * as Effect from "effect/Effect"

/** The tenant of the caller. Nothing is carried out for nobody. */
export const tenant: Effect.Effect<string> = Effect.flatMap(CurrentCaller, (caller) =>
  caller === undefined
    ? Effect.die(new Error("a request was carried out outside of anybody's key"))
    : Effect.succeed(caller.id)
)
