/** Lists in pages, newest first, and the notices of ends to come. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ListQuery, Page } from "../../DevboxBackend.ts"
import type { BackendError } from "../../DevboxError.ts"
import type { Notice } from "../../DevboxModel.ts"
import { invalid } from "./errors.ts"
import type { World } from "./state.ts"

interface Listed {
  readonly number: number
  readonly metadata: Readonly<Record<string, string>>
}

const defaultLimit = 20
const largestLimit = 5000

/** One page of what there is. A page can start after something that is gone meanwhile. */
export const page = <A extends Listed, B>(
  world: World,
  operation: string,
  all: Iterable<A>,
  query: ListQuery,
  show: (item: A) => B
): Effect.Effect<Page<B>, BackendError> =>
  Effect.suspend(() => {
    const limit = query.limit ?? defaultLimit
    if (!Number.isInteger(limit) || limit < 1 || limit > largestLimit) {
      return Effect.fail(
        invalid(world, operation, `the limit is ${limit}; it must be a whole number from 1 to ${largestLimit}`)
      )
    }
    const before =
      query.startingAfter === undefined
        ? Infinity
        : Number(/^[a-z]+_(\d+)$/.exec(query.startingAfter)?.[1] ?? Number.NaN)
    if (Number.isNaN(before)) {
      return Effect.fail(invalid(world, operation, `${query.startingAfter} is not the id of an item of this list`))
    }
    const wanted = Object.entries(query.metadata ?? {})
    const fitting = Array.from(all)
      .filter((item) => item.number < before && wanted.every(([key, value]) => item.metadata[key] === value))
      .sort((a, b) => b.number - a.number)
    return Effect.succeed({ items: fitting.slice(0, limit).map(show), hasMore: fitting.length > limit })
  })

/** Notices: those whose time is still to come, then each new one. */
export const notices = (world: World): Stream.Stream<Notice> =>
  Stream.paginate(0, (seen) =>
    Effect.map(
      world.noticed.until(() => {
        const fresh = Array.from(world.notices).filter(
          ([key, notice]) => key > seen && notice.evictionDeadlineMs >= world.now()
        )
        return fresh.length === 0 ? undefined : fresh
      }),
      (fresh) => [fresh.map(([, notice]) => notice), Option.some(fresh.at(-1)![0])] as const
    )
  )
