/** What becomes of a devbox when nobody does anything: its keep-alive time, its idle policy, and the notice of its end. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type DevboxInfo, Notice } from "../../DevboxModel.ts"
import { isBusy } from "./run.ts"
import type { Box, World } from "./state.ts"

/** Why a devbox was shut down. */
export type Reason = NonNullable<DevboxInfo["shutdownReason"]>

/** How long before the end of the keep-alive time notice of it is given. */
const noticeMs = 60_000

/** Ends or suspends a devbox by what its time limits say, for as long as it runs. */
export const watch = (
  world: World,
  box: Box,
  act: { readonly suspend: () => void; readonly shutdown: (reason: Reason) => void }
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const parameters = box.params.launchParameters
    const idle = parameters?.lifecycle?.afterIdle ?? parameters?.afterIdle
    const keepAliveMs = (parameters?.keepAliveTimeSeconds ?? 3600) * 1000
    const stretch = box.transitions.length
    const stopped = box.changed.until(() => (box.transitions.length === stretch ? undefined : true))
    while (box.transitions.length === stretch) {
      const deadline =
        idle === undefined
          ? box.aliveFromMs + keepAliveMs
          : (isBusy(box) ? world.now() : box.activeAtMs) + idle.idleTimeSeconds * 1000
      const left = deadline - world.now()
      if (left <= 0) {
        if (idle?.onIdle === "suspend") act.suspend()
        else act.shutdown(idle === undefined ? "keep_alive_timeout" : "idle")
        return
      }
      const unannounced = idle === undefined && box.noticedMs !== deadline
      if (unannounced && left <= noticeMs) giveNotice(world, box, deadline)
      yield* Effect.timeoutOption(stopped, unannounced && left > noticeMs ? left - noticeMs : left)
    }
  })

const giveNotice = (world: World, box: Box, deadline: number): void => {
  box.noticedMs = deadline
  world.notices.set(world.next(), new Notice({ devboxId: box.id, evictionDeadlineMs: deadline }))
  world.noticed.notify()
}

/** Gives notice of an eviction, and calls back when the time has come. */
export const evict = (world: World, box: Box, after: Duration.Input, suspend: () => void): void => {
  const wait = Duration.fromInputUnsafe(after)
  giveNotice(world, box, world.now() + Duration.toMillis(wait))
  world.fork(Effect.andThen(Effect.sleep(wait), Effect.sync(suspend)))
}
