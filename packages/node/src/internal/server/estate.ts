/** Everything that a server has made, whoever asked for it: what a start puts in order, and what an end shuts down. */
import type { Page, Shape } from "@effect-devbox/core/DevboxBackend"
import type { BackendError } from "@effect-devbox/core/DevboxError"
import type { DevboxInfo } from "@effect-devbox/core/DevboxModel"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Database } from "../store/database.ts"
import { forget, type Kind, own } from "./owned.ts"
import { tenantKey } from "./stamps.ts"

interface Stamped {
  readonly id: string
  readonly metadata: Readonly<Record<string, string>>
}

const step = 500

/** Every item of a list. */
const all = <A extends Stamped>(
  list: (query: {
    readonly limit: number
    readonly startingAfter: string | undefined
  }) => Effect.Effect<Page<A>, BackendError>
): Stream.Stream<A, BackendError> =>
  Stream.paginate(undefined as string | undefined, (startingAfter) =>
    Effect.map(list({ limit: step, startingAfter }), ({ hasMore, items }) => {
      const last = items.at(-1)?.id
      return [items, hasMore && last !== undefined ? Option.some<string | undefined>(last) : Option.none()] as const
    })
  )

/** How old an entry must be before it is believed that the backend has forgotten the thing. */
const young = 60 * 60 * 1000

/** A devbox that is not over, and whose it is. */
export interface Owned {
  readonly tenant: string
  readonly id: DevboxInfo["id"]
}

/** Whether a devbox has ended. */
export const isOver = ({ status }: DevboxInfo): boolean => status === "shutdown" || status === "failure"

/**
 * Puts the index of owners in order: what was made when the server died, before it could write down whose it is, says so itself. Gives the
 * devboxes that are open.
 */
export const takeStock = (backend: Shape, db: Database): Effect.Effect<ReadonlyArray<Owned>, BackendError> => {
  const open: Array<Owned> = []
  const index = <A extends Stamped>(
    kind: Kind,
    list: Parameters<typeof all<A>>[0],
    seen: (item: A, tenant: string) => void = () => {}
  ) =>
    Effect.gen(function* () {
      const known = new Set<string>()
      const before = Date.now() - young
      yield* Stream.runForEach(all(list), (item) =>
        Effect.sync(() => {
          known.add(item.id)
          const tenant = item.metadata[tenantKey]
          if (tenant === undefined) return
          own(db, tenant, kind, item.id)
          seen(item, tenant)
        })
      )
      forget(db, kind, known, before)
    })
  return Effect.gen(function* () {
    yield* index(
      "devbox",
      (query) => backend.list(query),
      (info, tenant) => {
        if (!isOver(info)) open.push({ tenant, id: info.id })
      }
    )
    if (backend.capabilities.features.has("snapshot")) {
      yield* index("snapshot", (query) => backend.listSnapshots(query))
    }
    return open
  })
}

/** Shuts down every devbox that the server has made. */
export const shutDownAll = (backend: Shape): Effect.Effect<void> =>
  Stream.runForEach(
    Stream.filter(
      all((query) => backend.list(query)),
      (info) => info.metadata[tenantKey] !== undefined && !isOver(info)
    ),
    ({ id }) =>
      Effect.catch(backend.shutdown(id, { force: true }), (error) =>
        Effect.logError(`devbox ${id} could not be shut down when the server stopped: ${error.message}`)
      )
  ).pipe(
    Effect.catch((error) => Effect.logError(`devboxes could not be listed when the server stopped: ${error.message}`))
  )
