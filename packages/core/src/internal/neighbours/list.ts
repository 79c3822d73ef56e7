/** Lists of the neighbouring resources as streams: a page at a time, in constant memory. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Page } from "../../DevboxBackend.ts"
import type { BackendError } from "../../DevboxError.ts"
import { idempotent } from "../retry.ts"

const size = 100

/** Where a page begins and how long it is. */
export interface Cursor {
  readonly limit: number
  readonly startingAfter: string | undefined
}

/** All items of a list. */
export const listing = <A extends { readonly id: string }>(
  page: (cursor: Cursor) => Effect.Effect<Page<A>, BackendError>
): Stream.Stream<A, BackendError> =>
  Stream.paginate(undefined as string | undefined, (startingAfter) =>
    Effect.map(idempotent(page({ limit: size, startingAfter })), ({ hasMore, items }) => {
      const last = items.at(-1)?.id
      return [items, hasMore && last !== undefined ? Option.some(last) : Option.none<string>()] as const
    })
  )
