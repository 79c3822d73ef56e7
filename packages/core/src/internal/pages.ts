/** A paged list as a stream in constant memory, filtered here when the backend cannot filter. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Page, Shape } from "../DevboxBackend.ts"
import type { BackendError } from "../DevboxError.ts"
import { idempotent } from "./retry.ts"

const size = 100

interface Listed {
  readonly id: string
  readonly metadata: Readonly<Record<string, string>>
}

/** Whether an item carries all of some metadata. */
const carries = (item: Listed, metadata: Readonly<Record<string, string>>): boolean =>
  Object.entries(metadata).every(([key, value]) => item.metadata[key] === value)

/** All items of a list. */
export const pages = <A extends Listed>(
  backend: Shape,
  metadata: Readonly<Record<string, string>> | undefined,
  page: (cursor: {
    readonly limit: number
    readonly startingAfter?: string | undefined
  }) => Effect.Effect<Page<A>, BackendError>
): Stream.Stream<A, BackendError> => {
  const all = Stream.paginate(undefined as string | undefined, (startingAfter) =>
    Effect.map(idempotent(page({ limit: size, startingAfter })), ({ items, hasMore }) => {
      const last = items.at(-1)?.id
      return [items, hasMore && last !== undefined ? Option.some(last) : Option.none<string>()] as const
    })
  )
  return metadata === undefined || backend.capabilities.features.has("metadataFilter")
    ? all
    : Stream.filter(all, (item) => carries(item, metadata))
}
