/** What laws of `DevboxService` do with it to get to their claims. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { DevboxBackend } from "../../../DevboxBackend.ts"
import type { CreateOptions, Devbox } from "../../../DevboxHandle.ts"
import type { WaitError } from "../../../DevboxError.ts"
import type { DevboxId } from "../../../DevboxModel.ts"
import { DevboxService } from "../../../DevboxService.ts"
import type { ExecutionId } from "../../../Execution.ts"
import { watch } from "../claim.ts"
import { Surroundings } from "../law.ts"

/** Options for a devbox here. */
export const options = (wanted: CreateOptions = {}): Effect.Effect<CreateOptions> =>
  Effect.map(Surroundings, ({ create }) => ({ ...create, ...wanted }))

/** A scoped devbox. */
export const create = (wanted?: CreateOptions): Effect.Effect<Devbox, WaitError, DevboxService | Scope.Scope> =>
  Effect.gen(function* () {
    const service = yield* DevboxService
    return yield* service.create(yield* options(wanted))
  })

/** What the backend says a devbox is, once it is over or one has waited long enough. */
export const end = (id: DevboxId) =>
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    const look = Effect.catchTag(backend.get(id), "ResourceNotFound", () => Effect.succeed({ status: "gone" }))
    return (yield* watch(look, ({ status }) => ["gone", "shutdown", "failure"].includes(status))).status
  })

/** What the backend says a command is, once it is over or one has waited long enough. */
export const endOf = (id: DevboxId, executionId: ExecutionId) =>
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    return (yield* watch(backend.getExecution(id, executionId), ({ status }) => status === "completed")).status
  })
