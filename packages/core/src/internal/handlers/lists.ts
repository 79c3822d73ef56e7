/** Pages for the wire: limits, filters by metadata, and `has_more` always, because Python pages on without it (PROTOCOL P1). */
import * as Effect from "effect/Effect"
import type { Page } from "../../DevboxBackend.ts"
import type { BackendError } from "../../DevboxError.ts"

const defaultLimit = 20
const largestLimit = 5000
/** How many items are looked through for one page; what is beyond comes with the next. */
const budget = 20_000

/** What is asked for. */
export interface ListRequest {
  readonly limit?: number | undefined
  readonly starting_after?: string | undefined
}

interface Listed {
  readonly id: string
  readonly metadata: Readonly<Record<string, string>>
}

/** Filters by metadata: for each key the values of which one is wanted. */
export type MetadataFilter = ReadonlyArray<readonly [key: string, values: ReadonlyArray<string>]>

/** `metadata[key]=v` and `metadata[key][in]=v1,v2` of a query. */
export const metadataFilter = (query: Readonly<Record<string, unknown>>): MetadataFilter =>
  Object.entries(query).flatMap(([name, value]) => {
    const found = /^metadata\[(.*?)\](\[in\])?$/.exec(name)
    if (found === null || typeof value !== "string") return []
    return [[found[1]!, found[2] === undefined ? [value] : value.split(",")] as const]
  })

const fits =
  (filter: MetadataFilter) =>
  (item: Listed): boolean =>
    filter.every(([key, values]) => values.includes(item.metadata[key] ?? "\0"))

/** One page of the items that fit. */
export const listed = <A extends Listed>(
  request: ListRequest,
  filter: MetadataFilter,
  /** The part of the filter that the backend applies itself. */
  pushed: boolean,
  page: (query: {
    readonly limit: number
    readonly startingAfter: string | undefined
    readonly metadata: Readonly<Record<string, string>> | undefined
  }) => Effect.Effect<Page<A>, BackendError>,
  also: (item: A) => boolean = () => true
): Effect.Effect<Page<A>, BackendError> =>
  Effect.gen(function* () {
    const limit = Math.min(largestLimit, Math.max(1, request.limit ?? defaultLimit))
    const exact = filter.filter(([, values]) => values.length === 1).map(([key, [value]]) => [key, value!] as const)
    const metadata = pushed && exact.length > 0 ? Object.fromEntries(exact) : undefined
    const wanted = fits(filter)
    // Filtered, a page of the backend's may hold none that fits.
    const size = filter.length === 0 ? limit : Math.max(limit, 200)
    const items: Array<A> = []
    let startingAfter = request.starting_after
    for (let seen = 0; seen < budget; seen += size) {
      const found = yield* page({ limit: size, startingAfter, metadata })
      items.push(...found.items.filter((item) => wanted(item) && also(item)))
      if (items.length > limit) return { items: items.slice(0, limit), hasMore: true }
      startingAfter = found.items.at(-1)?.id
      if (!found.hasMore || startingAfter === undefined) return { items, hasMore: false }
      if (items.length === limit) return { items, hasMore: true }
    }
    return { items, hasMore: items.length > 0 }
  })
