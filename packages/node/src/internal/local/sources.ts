/** Where what a devbox is given comes from, when it is not in the request: repositories, storage objects, stored secrets. */
import type { BackendError, LookupError } from "@effect-devbox/core/DevboxError"
import type { ObjectInfo, StorageObjectId } from "@effect-devbox/core/StorageObjects"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"

/** What of `StorageObjects` is needed. */
export interface Objects {
  readonly get: (id: StorageObjectId) => Effect.Effect<ObjectInfo, LookupError>
  readonly download: (id: StorageObjectId) => Stream.Stream<Uint8Array, LookupError>
}

/** The value of a stored secret by its name; `undefined` when there is none. */
export type SecretValue = (name: string) => Effect.Effect<Redacted.Redacted | undefined, BackendError>

/** Where repositories are, unless somebody says otherwise. */
export const publicCode = "https://github.com"

/** See above. What is absent makes requests for it unsupported. */
export interface Sources {
  /** The address below which `owner/name.git` is a repository. */
  readonly codeHost: string
  readonly objects?: Objects | undefined
  readonly secrets?: SecretValue | undefined
}
