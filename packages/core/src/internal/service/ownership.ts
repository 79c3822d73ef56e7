/**
 * The stamp that says "this was made by me". It travels in the metadata, is hidden from users, and lets a devbox or snapshot
 * whose answer was lost be found again: adopted while its caller still waits, destroyed otherwise.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { ListQuery, Page, Shape } from "../../DevboxBackend.ts"
import type { BackendError } from "../../DevboxError.ts"
import { report } from "../../DevboxLeaks.ts"
import { DevboxInfo } from "../../DevboxModel.ts"
import { SnapshotInfo } from "../../Snapshot.ts"
import { doubted, isAmbiguous } from "../doubt.ts"
import type { Restore } from "../give.ts"
import { idempotent, once } from "../retry.ts"

const key = "effect-devbox.create-id"

/** How many pages of the list are searched in one look, and for how long looks go on where lists lag behind. */
const pages = 10
const lag = Duration.seconds(30)

/** A list that never answers must not keep whoever waits, or was interrupted, for ever. */
const patience = Duration.minutes(5)

const makeStamp = (): string => SecureRandom.uuidV7Unsafe()

const withoutStamp = (metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const { [key]: _, ...rest } = metadata
  return rest
}

/** The info without our own metadata. */
export const hideStamp = (info: DevboxInfo): DevboxInfo =>
  key in info.metadata ? new DevboxInfo({ ...info, metadata: withoutStamp(info.metadata) }) : info

/** As {@link hideStamp}, of a snapshot. */
export const hideSnapshotStamp = (info: SnapshotInfo): SnapshotInfo =>
  key in info.metadata ? new SnapshotInfo({ ...info, metadata: withoutStamp(info.metadata) }) : info

/** New metadata for a devbox, with our own kept. */
export const keepStamp = (
  current: DevboxInfo,
  metadata: Readonly<Record<string, string>>
): Readonly<Record<string, string>> => {
  const stamp = current.metadata[key]
  return stamp === undefined ? metadata : { ...metadata, [key]: stamp }
}

interface Stamped {
  readonly id: string
  readonly metadata: Readonly<Record<string, string>>
}

/** What a stamp is looked for in. */
export interface Search<A extends Stamped> {
  readonly resource: "devbox" | "snapshot"
  readonly list: (query: ListQuery) => Effect.Effect<Page<A>, BackendError>
}

const look = <A extends Stamped>(search: Search<A>, stamp: string): Effect.Effect<A | undefined, BackendError> =>
  Effect.gen(function* () {
    let startingAfter: string | undefined
    for (let page = 0; page < pages; page++) {
      const { items, hasMore } = yield* idempotent(
        search.list({ limit: 100, startingAfter, metadata: { [key]: stamp } })
      )
      const mine = items.find((info) => info.metadata[key] === stamp)
      if (mine !== undefined) return mine
      startingAfter = items.at(-1)?.id
      if (!hasMore || startingAfter === undefined) return undefined
    }
    return undefined
  })

/**
 * Looks for the devbox or snapshot of a stamp. Where the list is consistent one look decides; elsewhere looks go on for half
 * a minute, and giving up is reported as a possible leak.
 */
export const find = <A extends Stamped>(
  backend: Shape,
  search: Search<A>,
  stamp: string
): Effect.Effect<Option.Option<A>> => {
  const consistent = backend.capabilities.features.has("consistentList")
  const unsure = (detail: string) =>
    report({
      resource: search.resource,
      id: `with create id ${stamp}`,
      devboxId: undefined,
      backend: backend.name,
      detail: `the answer to its create was lost and ${detail}`
    })
  const looks = consistent
    ? look(search, stamp)
    : Effect.repeat(look(search, stamp), {
        until: (found) => found !== undefined,
        schedule: Schedule.exponential("500 millis", 1.5).pipe(Schedule.upTo({ duration: lag }))
      })
  const given = looks.pipe(
    Effect.tap((found) =>
      found === undefined && !consistent
        ? unsure(`it did not appear within ${Duration.format(lag)} in the first ${pages} pages of the list`)
        : Effect.void
    ),
    Effect.map(Option.fromUndefinedOr),
    Effect.catch((error) => Effect.as(unsure(`the search failed: ${error.message}`), Option.none<A>()))
  )
  return Effect.timeoutOrElse(given, {
    duration: patience,
    orElse: () => Effect.as(unsure(`the search did not end within ${Duration.format(patience)}`), Option.none())
  })
}

/**
 * Sends a request that makes something, once. After a lost answer it is looked for and adopted; when the caller was
 * interrupted meanwhile it is looked for and undone. Must be called without interruption; only `restore` lets it in.
 */
export const request = <A extends Stamped, E>(
  backend: Shape,
  search: Search<A>,
  restore: Restore,
  send: (stamp: Readonly<Record<string, string>>) => Effect.Effect<A, E | BackendError>,
  undo: (made: A) => Effect.Effect<void>
): Effect.Effect<A, E | BackendError> =>
  Effect.suspend(() => {
    const stamp = makeStamp()
    const sending = doubted(send({ [key]: stamp }))
    const lost = Effect.flatMap(find(backend, search, stamp), Option.match({ onNone: () => Effect.void, onSome: undo }))
    return restore(once(sending.call)).pipe(
      Effect.catchIf(isAmbiguous, (error) =>
        Effect.flatMap(
          restore(find(backend, search, stamp)),
          Option.match({ onNone: () => Effect.fail(error), onSome: Effect.succeed })
        )
      ),
      Effect.onInterrupt(() => (sending.inDoubt() ? lost : Effect.void))
    )
  })
