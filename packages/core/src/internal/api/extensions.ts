/** Our own endpoint: what the backend behind a server can do, so that a client of ours need not guess. Runloop has none. */
import * as Schema from "effect/Schema"
import { Limits, NetworkMode } from "../../DevboxModel.ts"
import { snakeCase } from "../snakeCase.ts"
import type { Describe } from "./describe.ts"

/** The facts about a server's backend; see `Capabilities`. */
export const ServerFacts = snakeCase(
  Schema.Struct({
    backend: Schema.String,
    features: Schema.Array(Schema.String),
    limits: Limits,
    networks: Schema.Array(NetworkMode)
  })
)

/** The endpoints. */
export const extensions = ({ failures, get }: Describe) => {
  return [get("facts", "/v1/effect-devbox/facts", { success: ServerFacts, error: failures })] as const
}
