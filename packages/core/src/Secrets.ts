/**
 * Secrets that devboxes get as environment variables. They are addressed by name, and their values go in and never come out.
 * `Secrets` is the service you use, derived from any `SecretStore`, the service you implement.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { BackendError, LookupError } from "./DevboxError.ts"
import { idempotent, keyed, once } from "./internal/retry.ts"
import { snakeCase } from "./internal/snakeCase.ts"

/** What is known of a secret: everything but its value. */
export class SecretInfo extends Schema.Class<SecretInfo>("effect-devbox/SecretInfo")({
  id: Schema.String,
  name: Schema.String,
  createTimeMs: Schema.Int,
  updateTimeMs: Schema.Int
}) {}

/** The JSON form of {@link SecretInfo}. */
export const SecretInfoJson = snakeCase(SecretInfo)

/** The service you implement: each operation is one request. A name is the name of an environment variable. */
export class SecretStore extends Context.Service<
  SecretStore,
  {
    readonly name: string
    readonly create: (name: string, value: Redacted.Redacted) => Effect.Effect<SecretInfo, BackendError>
    readonly get: (name: string) => Effect.Effect<SecretInfo, LookupError>
    readonly update: (name: string, value: Redacted.Redacted) => Effect.Effect<SecretInfo, LookupError>
    readonly delete: (name: string) => Effect.Effect<void, LookupError>
    /** Not paged: at most `limit` of them. */
    readonly list: (limit: number) => Effect.Effect<ReadonlyArray<SecretInfo>, BackendError>
  }
>()("effect-devbox/SecretStore") {}

const make = (store: typeof SecretStore.Service) => {
  const span = (name: string, secret?: string) =>
    Effect.withSpan(`Secrets.${name}`, {
      attributes: { backend: store.name, ...(secret === undefined ? {} : { "secret.name": secret }) }
    })
  return {
    create: (name: string, value: Redacted.Redacted) => once(store.create(name, value)).pipe(span("create", name)),
    get: (name: string) => idempotent(store.get(name)).pipe(span("get", name)),
    /** Gives it another value. */
    update: (name: string, value: Redacted.Redacted) => keyed(store.update(name, value)).pipe(span("update", name)),
    delete: (name: string) => keyed(store.delete(name)).pipe(span("delete", name)),
    /** At most so many of them; default 5000, the most that Runloop gives. */
    list: (limit = 5000) => idempotent(store.list(limit)).pipe(span("list"))
  }
}

/** The service you use. Provide `layer` with a store. */
export class Secrets extends Context.Service<Secrets, ReturnType<typeof make>>()("effect-devbox/Secrets") {
  /** The service over whatever store is provided. */
  static readonly layer: Layer.Layer<Secrets, never, SecretStore> = Layer.effect(Secrets, Effect.map(SecretStore, make))
}
