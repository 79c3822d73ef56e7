/**
 * What the holder of a detached devbox does for others: everything that belongs to the life of its box is done in one process, so
 * that it happens once and dies with the box. An order is a JSON text; its answer says what came of it.
 */
import { BackendError, Conflict, DevboxNotReady } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { type SnapshotParams, SnapshotParamsJson } from "@effect-devbox/core/Snapshot"
import * as Schema from "effect/Schema"
import type { Live } from "./engine.ts"

/** See above. */
export type Order =
  | { readonly op: "suspend" }
  | { readonly op: "touch" }
  | { readonly op: "snapshot"; readonly params: unknown }

/** What came of an order: a word, or the error as data. */
const Answer = Schema.fromJsonString(
  Schema.Union([
    Schema.Struct({ ok: Schema.String }),
    Schema.Struct({ error: Schema.Union([Conflict, DevboxNotReady, BackendError]) })
  ])
)
const decodeAnswer = Schema.decodeUnknownSync(Answer)
const encodeAnswer = Schema.encodeSync(Answer)

const encodeParams = Schema.encodeSync(SnapshotParamsJson)
const decodeParams = Schema.decodeUnknownSync(SnapshotParamsJson)

const give = async (live: Live, order: Order): Promise<string> => {
  const answer = decodeAnswer(await live.box.order(JSON.stringify(order)))
  if ("ok" in answer) return answer.ok
  throw answer.error
}

/** Asks the holder to suspend its devbox. */
export const orderSuspend = (live: Live): Promise<unknown> => give(live, { op: "suspend" })

/** Tells the holder that somebody uses its devbox. */
export const orderTouch = (live: Live): Promise<unknown> => give(live, { op: "touch" })

/** Asks the holder for a snapshot; gives its id. */
export const orderSnapshot = (live: Live, params: SnapshotParams): Promise<string> =>
  give(live, { op: "snapshot", params: encodeParams(params) })

/** What a holder can do. */
export interface Obeying {
  readonly suspend: (id: DevboxId) => Promise<void>
  readonly touch: (id: DevboxId) => void
  readonly snapshot: (id: DevboxId, params: SnapshotParams) => Promise<string>
  /** Anything that went wrong, as an error of the contract. */
  readonly toError: (error: unknown) => Conflict | DevboxNotReady | BackendError
}

/** Carries an order out. Never rejects. */
export const obey = async (id: DevboxId, text: string, can: Obeying): Promise<string> => {
  try {
    const order = JSON.parse(text) as Order
    if (order.op === "suspend") await can.suspend(id)
    else if (order.op === "touch") can.touch(id)
    else return encodeAnswer({ ok: await can.snapshot(id, decodeParams(order.params)) })
    return encodeAnswer({ ok: "" })
  } catch (error) {
    return encodeAnswer({ error: can.toError(error) })
  }
}
