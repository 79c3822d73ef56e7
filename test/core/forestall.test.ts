/** A start whose answer never came may still be on its way when its command is ended: it must not run afterwards. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import { DevboxBackend, type StartExecution } from "@effect-devbox/core/DevboxBackend"
import { ResourceNotFound } from "@effect-devbox/core/DevboxError"
import { ExecutionInfo } from "@effect-devbox/core/Execution"
import { Effect, Fiber, Layer } from "effect"
import { devboxId, stub } from "./stubs.ts"

/** A server far away: what is asked for first stays on its way until `arrive`. */
const farAway = () => {
  const taken = new Map<string, StartExecution>()
  let underway: StartExecution | undefined
  const info = (params: StartExecution) =>
    new ExecutionInfo({ devboxId, executionId: params.commandId, status: "completed", exitStatus: 0 })
  const known = (id: string) =>
    Effect.suspend(() => {
      const found = taken.get(id)
      return found === undefined
        ? Effect.fail(new ResourceNotFound({ resource: "execution", id }))
        : Effect.succeed(info(found))
    })
  const take = (params: StartExecution) => {
    if (!taken.has(params.commandId)) taken.set(params.commandId, params)
    return info(params)
  }
  const backend = stub({
    startExecution: (_id, params) =>
      Effect.suspend(() => {
        if (underway !== undefined) return Effect.succeed(take(params))
        underway = params
        return Effect.never
      }),
    getExecution: (_id, executionId) => known(executionId),
    kill: (_id, executionId) => known(executionId)
  })
  return { backend, taken, arrive: () => take(underway!) }
}

describe("a start that is still on its way", () => {
  it.effect("does not run after it was interrupted", () =>
    Effect.gen(function* () {
      const { arrive, backend, taken } = farAway()
      const service = yield* Effect.provide(
        DevboxService,
        DevboxService.layer.pipe(Layer.provide(Layer.succeed(DevboxBackend, backend)))
      )
      const fiber = yield* Effect.forkChild(service.exec(devboxId, "rm -rf everything"), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      const { executionId } = arrive()
      assert.deepStrictEqual(
        Array.from(taken.values(), ({ command, commandId }) => [command, commandId]),
        [[["true"], executionId]]
      )
    })
  )
})
