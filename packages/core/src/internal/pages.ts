/** A paged list as a stream in constant memory, filtered here when the backend cannot filter. */
import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Page, Shape } from "../DevboxBackend.ts"
import type { BackendError } from "../DevboxError.ts"
import { type Cursor, listing } from "./listing.ts"

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
  page: (cursor: Cursor) => Effect.Effect<Page<A>, BackendError>
): Stream.Stream<A, BackendError> => {
  const all = listing(backend.name, page)
  return metadata === undefined || backend.capabilities.features.has("metadataFilter")
    ? all
    : Stream.filter(all, (item) => carries(item, metadata))
}
