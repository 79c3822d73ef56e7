/** Commands as the contract has them: started at most once by their id, looked at, read, fed and ended. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { StartExecution } from "../../DevboxBackend.ts"
import type { ReadyError } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import type { Channel, ExecutionId, ExecutionInfo, OutputCursor, Signal, StdinInput } from "../../Execution.ts"
import { touch } from "./devbox.ts"
import { boxThatIs, findBox, findExecution, invalid } from "./errors.ts"
import { info, signal } from "./execution.ts"
import { start } from "./run.ts"
import type { World } from "./state.ts"

const defaultLines = 100

interface Lines {
  readonly lastLines?: number | undefined
}

/** See `DevboxBackend`. */
export const startExecution = (world: World, id: DevboxId, params: StartExecution) =>
  Effect.map(boxThatIs(world, id, "running"), (box) => {
    const known = box.executions.get(params.commandId)
    if (known !== undefined) return info(known, defaultLines)
    const execution = start(world, box, params, "exec")
    box.executions.set(params.commandId, execution)
    return info(execution, defaultLines)
  })

/** See `DevboxBackend`. */
export const getExecution = (world: World, id: DevboxId, executionId: ExecutionId, options: Lines = {}) =>
  Effect.map(findExecution(world, id, executionId), (execution) => info(execution, options.lastLines ?? defaultLines))

/** See `DevboxBackend`. */
export const output = (
  world: World,
  id: DevboxId,
  executionId: ExecutionId,
  channel: Channel | "both",
  cursor: OutputCursor
) =>
  Stream.unwrap(
    Effect.map(findExecution(world, id, executionId), (execution) => execution.output.read(channel, cursor))
  )

/** See `DevboxBackend`. */
export const sendStdin = (world: World, id: DevboxId, executionId: ExecutionId, input: StdinInput) =>
  Effect.gen(function* () {
    const box = yield* boxThatIs(world, id, "running")
    const execution = yield* findExecution(world, id, executionId)
    const refuse = (why: string) => invalid(world, "sendStdin", `execution ${executionId} ${why}`)
    if (execution.params.attachStdin !== true) return yield* refuse("was started without attachStdin")
    if (execution.ended !== undefined) return yield* refuse("has ended")
    touch(world, box)
    if ("signal" in input) {
      if (input.signal === "EOF") execution.input.end()
      else signal(execution, "SIGINT", world.now())
      return
    }
    if (execution.input.isEnded()) return yield* refuse("was given the end of its stdin")
    execution.input.write(input.bytes.slice())
  })

/** See `DevboxBackend`. The group of a command is what it runs in the background, too. */
export const kill = (
  world: World,
  id: DevboxId,
  executionId: ExecutionId,
  options: { readonly group?: boolean | undefined; readonly signal?: Signal | undefined } = {}
): Effect.Effect<ExecutionInfo, ReadyError> =>
  Effect.gen(function* () {
    yield* findBox(world, id)
    const execution = yield* findExecution(world, id, executionId)
    const name = options.signal ?? "SIGKILL"
    if (execution.ended === undefined) {
      signal(execution, name, world.now())
      // What a scripted program does at its end belongs to it.
      if (name === "SIGKILL" && execution.fiber !== undefined) yield* Fiber.await(execution.fiber)
    }
    if (options.group === true) yield* Fiber.interruptAll(execution.children)
    return info(execution, defaultLines)
  })

/** See `DevboxBackend`. */
export const waitForExecution = (
  world: World,
  id: DevboxId,
  executionId: ExecutionId,
  hold: Duration.Duration,
  options: Lines = {}
) =>
  Effect.flatMap(findExecution(world, id, executionId), (execution) =>
    Effect.map(
      Effect.timeoutOption(
        execution.changed.until(() => execution.ended),
        hold
      ),
      () => info(execution, options.lastLines ?? defaultLines)
    )
  )
