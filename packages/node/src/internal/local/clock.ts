/**
 * What becomes of a devbox when nobody does anything: its keep-alive time, its idle policy, and notice of its end. One clock in the
 * process that has the box, and one list of what counts as activity: whoever works with a devbox says {@link touch}.
 */
import { DevboxId, type LaunchParameters, Notice } from "@effect-devbox/core/DevboxModel"
import * as Option from "effect/Option"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type DevboxRow, isFinal, setExpiry } from "../store/devboxes.ts"
import { deleteNotice, insertNotice, pendingNotices } from "../store/notices.ts"
import { requestOf } from "./bounds.ts"
import { againMillis, type Engine, inBackground, isOurs, type Live, notReady, rowOf } from "./engine.ts"
import { longestTimer } from "./news.ts"
import { orderTouch } from "./orders.ts"

/** How long before the end of the keep-alive time notice of it is given. */
const noticeMillis = 60_000

/** How often a holder is told of activity, at most. */
const tellingMillis = 1000

/** The idle policy, wherever it was given. */
export const idlePolicy = (parameters: LaunchParameters | undefined) =>
  parameters?.lifecycle?.afterIdle ?? parameters?.afterIdle

/** Starts the keep-alive time again, in the database where others see it. */
export const renewExpiry = (engine: Engine, row: DevboxRow): void => {
  const seconds = requestOf(row).launchParameters?.keepAliveTimeSeconds ?? engine.keepAliveSeconds
  setExpiry(engine.db, row.id, Date.now() + seconds * 1000)
  deleteNotice(engine.db, row.id)
}

/** Somebody works with a devbox: its idle time starts again. Call it for whatever counts as activity (PROTOCOL P18.6). */
export const touch = (engine: Engine, id: string): void => {
  const live = engine.live.get(id)
  if (live === undefined) return
  const now = Date.now()
  const before = live.activeAtMs
  if (live.owned) live.activeAtMs = now
  else if (now - before >= tellingMillis) {
    live.activeAtMs = now
    orderTouch(live).catch(() => {})
  }
}

/** What happens when the time has come. */
export interface Acts {
  readonly suspend: (id: DevboxId) => Promise<unknown>
  readonly shutdown: (id: DevboxId, reason: "keep_alive_timeout" | "idle") => Promise<unknown>
}

/** Looks at the time of a devbox later, as long as this process has it. */
const lookLater = (engine: Engine, live: Live, acts: Acts, millis: number): void => {
  if (engine.closing || engine.live.get(live.box.id) !== live) return
  live.timer = setTimeout(() => {
    try {
      watchTime(engine, live, acts)
    } catch {
      // Nobody called this who could be told; the devbox must not stay for ever because of it.
      lookLater(engine, live, acts, againMillis)
    }
  }, millis)
  live.timer.unref()
}

/** Watches the time of a devbox that this process has and that runs; whoever changes its time calls it again. */
export const watchTime = (engine: Engine, live: Live, acts: Acts): void => {
  clearTimeout(live.timer)
  const id = DevboxId.make(live.box.id)
  const row = rowOf(engine, id)
  if (isFinal(row.status) || live.ending) return
  const idle = idlePolicy(requestOf(row).launchParameters)
  // The keep-alive time counts for what is being set up too, idleness does not.
  if (idle !== undefined && row.status !== "running") return
  const now = Date.now()
  const deadline =
    idle === undefined
      ? (row.expires_at_ms ?? Infinity)
      : (live.box.running().length > 0 ? now : live.activeAtMs) + idle.idleTimeSeconds * 1000
  const left = deadline - now
  if (left <= 0) {
    const act =
      idle?.onIdle === "suspend"
        ? acts.suspend(id)
        : acts.shutdown(id, idle === undefined ? "keep_alive_timeout" : "idle")
    return inBackground(
      engine,
      act.catch(() => lookLater(engine, live, acts, againMillis))
    )
  }
  let next = left
  if (idle === undefined && deadline !== Infinity) {
    if (left > noticeMillis) next = left - noticeMillis
    else if (live.noticedMs !== deadline) {
      live.noticedMs = deadline
      insertNotice(engine.db, id, deadline)
      engine.news.changed(noticed)
    }
  }
  lookLater(engine, live, acts, Math.min(next, longestTimer))
}

/** Who waits for notices waits for news of this. */
const noticed = "notices"

/** Starts the keep-alive time again. A devbox behind a holder is watched there: it reads the new time when the old one has come. */
export const keepAlive = (engine: Engine, id: DevboxId, acts: Acts): void => {
  const row = rowOf(engine, id)
  if (isFinal(row.status)) throw notReady(row)
  renewExpiry(engine, row)
  touch(engine, id)
  const live = engine.live.get(id)
  if (live !== undefined && isOurs(engine, row)) watchTime(engine, live, acts)
}

/** Notices of every devbox in the state directory: those pending, then each new one, whoever has its devbox. */
export const notices = (engine: Engine): Stream.Stream<Notice> =>
  Stream.paginate(new Map<string, number>(), (seen) =>
    Effect.map(
      Effect.promise((signal) =>
        engine.news.until(
          noticed,
          () => {
            const pending = pendingNotices(engine.db, Date.now())
            return pending.some((row) => seen.get(row.devbox_id) !== row.deadline_ms) ? pending : undefined
          },
          { foreign: true, signal }
        )
      ),
      (pending = []) => {
        const fresh = pending.filter((row) => seen.get(row.devbox_id) !== row.deadline_ms)
        const known = new Map(pending.map((row) => [row.devbox_id, row.deadline_ms]))
        return [
          fresh.map(
            (row) => new Notice({ devboxId: DevboxId.make(row.devbox_id), evictionDeadlineMs: row.deadline_ms })
          ),
          Option.some(known)
        ] as const
      }
    )
  )
