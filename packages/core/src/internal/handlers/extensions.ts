/** Our own endpoint: the facts about the backend, for clients of ours. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { DevboxApi } from "../../DevboxApi.ts"
import { DevboxBackend } from "../../DevboxBackend.ts"
import { Limits } from "../../DevboxModel.ts"

/** See above. */
export const extensionsHandlers = HttpApiBuilder.group(
  DevboxApi,
  "extensions",
  Effect.fn(function* (handlers) {
    const { capabilities, name } = yield* DevboxBackend
    return handlers.handleAll({
      facts: () =>
        Effect.succeed({
          backend: name,
          features: [...capabilities.features],
          limits: new Limits(capabilities.limits),
          networks: [...capabilities.networks]
        })
    })
  })
)
