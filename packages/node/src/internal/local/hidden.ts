/**
 * Commands that the backend runs for itself, for files and terminals: no list, no log and no `getExecution` shows them, and
 * none is left behind.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Box, BoxExecution, ExecRequest } from "../sandbox/types.ts"
import { attempt } from "./errors.ts"

/** A hidden command that was started. */
export interface Hidden {
  readonly box: Box
  readonly execution: BoxExecution
}

/** Starts a hidden command. */
export const startHidden = async (box: Box, request: ExecRequest): Promise<Hidden> => {
  const execution = box.exec(request)
  execution.done.catch(() => {})
  await execution.started
  return { box, execution }
}

/** What a hidden command said on stderr. */
export const said = async (box: Box, executionId: string): Promise<string> => {
  const parts: Array<Uint8Array> = []
  for await (const { bytes } of box.journal.read(executionId, "stderr")) parts.push(bytes)
  return Buffer.concat(parts).toString("utf8").trim()
}

/** Keeps a hidden command until the scope closes; then `finish` sees to its end, and its journal goes. */
export const withHidden = <E, A extends Hidden>(
  operation: string,
  start: () => Promise<A>,
  finish: (hidden: A, exit: Exit.Exit<unknown, unknown>) => Promise<void>
) =>
  Effect.acquireRelease(attempt<E, A>(operation, start), (hidden, exit) =>
    Effect.promise(async () => {
      // A box that ended meanwhile took the command with it.
      await finish(hidden, exit).catch(() => {})
      await hidden.execution.done.catch(() => {})
      hidden.box.journal.remove(hidden.execution.id)
    })
  )

/** Whether it ends by itself. A reader that stopped early leaves a command that nobody reads, which may not. */
export const settledSoon = (execution: BoxExecution): Promise<boolean> =>
  Promise.race([
    execution.done.then(
      () => true,
      () => true
    ),
    new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))
  ])
