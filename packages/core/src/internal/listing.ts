/** Every paged list as a stream: a page at a time, in constant memory. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Page } from "../DevboxBackend.ts"
import { BackendError, UnexpectedResponseError } from "../DevboxError.ts"
import { idempotent } from "./retry.ts"

const size = 100

/** Where a page begins and how long it is. */
export interface Cursor {
  readonly limit: number
  readonly startingAfter: string | undefined
}

/** All items of a list. A cursor that comes again would go round for ever: the last one, and one of before that moves on. */
export const listing = <A extends { readonly id: string }>(
  backend: string,
  page: (cursor: Cursor) => Effect.Effect<Page<A>, BackendError>
): Stream.Stream<A, BackendError> =>
  Stream.suspend(() => {
    let known: string | undefined
    let seen = 0
    return Stream.paginate(undefined as string | undefined, (startingAfter) =>
      Effect.flatMap(idempotent(page({ limit: size, startingAfter })), ({ hasMore, items }) => {
        const last = items.at(-1)?.id
        if (!hasMore || last === undefined) return Effect.succeed([items, Option.none<string>()] as const)
        if (last === known) {
          const detail = `the list does not end: ${last} came again`
          const reason = new UnexpectedResponseError({ detail })
          return Effect.fail(new BackendError({ backend, operation: "list", outcome: "rejected", reason }))
        }
        // Kept after 1, 2, 4, 8 … pages, so that a round of any length is noticed in the end.
        if ((seen & ++seen) === 0) known = last
        return Effect.succeed([items, Option.some(last)] as const)
      })
    )
  })
