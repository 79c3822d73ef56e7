/** Commands that were started: looked at, waited for, fed and ended. */
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import type { ExecutionId, ExecutionInfo, Signal, StdinInput } from "@effect-devbox/core/Execution"
import { BoxClosedError } from "../sandbox/errors.ts"
import { touch } from "./clock.ts"
import { type Engine, rowOf, running } from "./engine.ts"
import { invalid } from "./errors.ts"
import { toExecutionInfo } from "./info.ts"
import { executionRow } from "./start.ts"

/** What is known of an execution. */
export const getExecution = (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  lines?: number
): Promise<ExecutionInfo> => toExecutionInfo(engine, executionRow(engine, id, executionId), lines)

/** Holds until the execution is completed or the time is over. */
export const waitForExecution = async (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  millis: number,
  lines: number | undefined,
  signal?: AbortSignal
): Promise<ExecutionInfo> => {
  const look = () => {
    const row = executionRow(engine, id, executionId)
    return row.status === "completed" ? row : undefined
  }
  const followed = engine.live.get(id)?.followed.get(executionId)
  if (followed === undefined) {
    const row = look()
    if (row !== undefined) return toExecutionInfo(engine, row, lines)
    await engine.news.until(id, look, { foreign: true, millis, signal })
  } else {
    // Its own end, not every news of the devbox: a thousand commands would wake each other a million times.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, millis)
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener("abort", done)
        resolve()
      }
      signal?.addEventListener("abort", done)
      void followed.over.then(done)
    })
  }
  return toExecutionInfo(engine, executionRow(engine, id, executionId), lines)
}

const followedOf = async (engine: Engine, id: DevboxId, executionId: ExecutionId) => {
  const row = executionRow(engine, id, executionId)
  const { live } = await running(engine, id, ["initializing"])
  return { row, live, followed: live.followed.get(executionId) }
}

/** Gives bytes, the end of input or Ctrl-C to a command. */
export const sendStdin = async (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  input: StdinInput
): Promise<void> => {
  const { followed, live, row } = await followedOf(engine, id, executionId)
  if (row.attach_stdin === 0) {
    throw invalid("sendStdin", `execution ${executionId} has no stdin; start it with attachStdin: true`)
  }
  if (row.status === "completed") {
    throw invalid("sendStdin", `execution ${executionId} has ended and reads no more input`)
  }
  if ("signal" in input && input.signal === "INTERRUPT") {
    if (followed !== undefined) followed.signalled = "SIGINT"
    await live.box.kill(executionId, { signal: "INT", group: true })
    return
  }
  const stdin = followed?.execution.stdin
  if (stdin === undefined) {
    throw invalid("sendStdin", `the stdin of execution ${executionId} belongs to the process that started it`)
  }
  touch(engine, id)
  await ("bytes" in input ? stdin.write(input.bytes) : stdin.end())
}

/** How long a kill waits for the end of the command to be written down. */
const endHold = 2000

/** Signals a command; see the contract. */
export const killExecution = async (
  engine: Engine,
  id: DevboxId,
  executionId: ExecutionId,
  options: { readonly group?: boolean | undefined; readonly signal?: Signal | undefined }
): Promise<ExecutionInfo> => {
  const row = executionRow(engine, id, executionId)
  const group = options.group === true
  const over = row.status === "completed"
  // What a completed command left behind still belongs to it, as long as there is a box that it could be in.
  if (over && (!group || rowOf(engine, id).status !== "running")) return toExecutionInfo(engine, row)
  const { followed, live } = await followedOf(engine, id, executionId)
  const signal = options.signal ?? "SIGKILL"
  if (followed !== undefined) followed.signalled = signal
  await live.box.kill(executionId, { signal: signal.slice("SIG".length), group }).catch((error: unknown) => {
    // A box that ended meanwhile took the command with it.
    if (!(error instanceof BoxClosedError)) throw error
  })
  if (signal === "SIGKILL" && !over) return waitForExecution(engine, id, executionId, endHold, undefined)
  return toExecutionInfo(engine, executionRow(engine, id, executionId))
}
