/**
 * From the global flags to devboxes. Whatever is heavy is loaded here and only when a command needs it, so that help and
 * completions come at once: commands get the service as a value and import nothing of it but types.
 */
import type { DevboxInfo } from "@effect-devbox/core/DevboxModel"
import type { Devbox } from "@effect-devbox/core/DevboxHandle"
import { type BackendError, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import type { Interface as Devboxes } from "@effect-devbox/core/DevboxService"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { UsageError } from "./errors.ts"
import { type Settings, settings } from "./flags.ts"

export type { Devboxes }

/** Runs with the devboxes that the flags name, and with the flags. */
export const withDevboxes = <A, E, R>(use: (devboxes: Devboxes, settings: Settings) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const chosen = yield* settings
    const { provideDevboxes } = yield* Effect.promise(() => import("./layers.ts"))
    return yield* provideDevboxes(chosen, (devboxes) => use(devboxes, chosen))
  })

/** Whether a devbox has ended for good. */
export const isOver = (info: DevboxInfo): boolean => info.status === "shutdown" || info.status === "failure"

/** The devbox that a word means: an id, the beginning of one, or a name. Those that live go before those that have ended. */
export const find = (
  devboxes: Devboxes,
  word: string
): Effect.Effect<DevboxInfo, BackendError | ResourceNotFound | UsageError> =>
  Effect.gen(function* () {
    const all = yield* Stream.runCollect(devboxes.list())
    const among = (infos: ReadonlyArray<DevboxInfo>) => {
      const exact = infos.filter((info) => info.id === word || info.name === word)
      return exact.length > 0
        ? exact
        : infos.filter((info) => word.length > 0 && (info.id.startsWith(word) || info.id.startsWith(`dbx_${word}`)))
    }
    const living = among(all.filter((info) => !isOver(info)))
    const found = living.length > 0 ? living : among(all)
    if (found.length > 1) {
      return yield* new UsageError({
        detail: `"${word}" means ${found.length} devboxes: ${found
          .slice(0, 5)
          .map((info) => (info.name === undefined ? info.id : `${info.id} (${info.name})`))
          .join(", ")}${found.length > 5 ? ", …" : ""}`,
        hint: "Write more of the id."
      })
    }
    return found[0] ?? (yield* new ResourceNotFound({ resource: "devbox", id: word }))
  })

/** The handle of the devbox that a word means. What looks like a whole id is asked for before everything is listed. */
export const attach = (
  devboxes: Devboxes,
  word: string
): Effect.Effect<Devbox, BackendError | ResourceNotFound | UsageError> => {
  const listed = Effect.suspend(() => find(devboxes, word))
  const info = word.startsWith("dbx_")
    ? Effect.catchTag(devboxes.attach(word).getInfo, "ResourceNotFound", () => listed)
    : listed
  return Effect.map(info, ({ id }) => devboxes.attach(id))
}
