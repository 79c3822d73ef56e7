/**
 * The stamp that says "this create was mine". It travels in the metadata, is hidden from users, and lets a create whose
 * answer was lost be found again: adopted while its caller still waits, destroyed otherwise.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { Shape } from "../../DevboxBackend.ts"
import type { BackendError } from "../../DevboxError.ts"
import { report } from "../../DevboxLeaks.ts"
import { type CreateParams, DevboxInfo } from "../../DevboxModel.ts"
import { idempotent } from "../retry.ts"

const key = "effect-devbox.create-id"

/** How many pages of the list are searched in one look, and for how long looks go on where lists lag behind. */
const pages = 10
const lag = Duration.seconds(30)

/** A fresh stamp. */
export const makeStamp = (): string => SecureRandom.uuidV7Unsafe()

/** The request with the stamp in its metadata. */
export const stamped = (params: typeof CreateParams.Type, stamp: string): typeof CreateParams.Type => ({
  ...params,
  metadata: { ...params.metadata, [key]: stamp }
})

/** The info without our own metadata. */
export const hideStamp = (info: DevboxInfo): DevboxInfo => {
  if (!(key in info.metadata)) return info
  const { [key]: _, ...metadata } = info.metadata
  return new DevboxInfo({ ...info, metadata })
}

/** New metadata for a devbox, with our own kept. */
export const keepStamp = (
  current: DevboxInfo,
  metadata: Readonly<Record<string, string>>
): Readonly<Record<string, string>> => {
  const stamp = current.metadata[key]
  return stamp === undefined ? metadata : { ...metadata, [key]: stamp }
}

const look = (backend: Shape, stamp: string): Effect.Effect<DevboxInfo | undefined, BackendError> =>
  Effect.gen(function* () {
    let startingAfter: string | undefined
    for (let page = 0; page < pages; page++) {
      const { items, hasMore } = yield* idempotent(backend.list({ limit: 100, startingAfter, metadata: { [key]: stamp } }))
      const mine = items.find((info) => info.metadata[key] === stamp)
      if (mine !== undefined) return mine
      startingAfter = items.at(-1)?.id
      if (!hasMore || startingAfter === undefined) return undefined
    }
    return undefined
  })

/**
 * Looks for the devbox of a stamp. Where the list is consistent one look decides; elsewhere looks go on for half a minute,
 * and giving up is reported as a possible leak.
 */
export const find = (backend: Shape, stamp: string): Effect.Effect<Option.Option<DevboxInfo>> => {
  const consistent = backend.capabilities.features.has("consistentList")
  const unsure = (detail: string) =>
    report({ resource: "devbox", id: `with create id ${stamp}`, devboxId: undefined, backend: backend.name, detail })
  const looks = consistent
    ? look(backend, stamp)
    : Effect.repeat(look(backend, stamp), {
        until: (found) => found !== undefined,
        schedule: Schedule.exponential("500 millis", 1.5).pipe(Schedule.upTo({ duration: lag }))
      })
  return looks.pipe(
    Effect.tap((found) =>
      found === undefined && !consistent
        ? unsure(
            `the answer to its create was lost and it did not appear within ${Duration.format(lag)} in the first ${pages} pages of the list`
          )
        : Effect.void
    ),
    Effect.map(Option.fromUndefinedOr),
    Effect.catch((error) => Effect.as(unsure(`the answer to its create was lost and the search failed: ${error.message}`), Option.none()))
  )
}
