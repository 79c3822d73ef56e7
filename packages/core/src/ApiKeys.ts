/** Whose key is this? The question that the server asks with every request; where keys are kept is up to whoever answers it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

/** Checks keys. */
export class ApiKeys extends Context.Service<
  ApiKeys,
  {
    /** The caller whose key it is, or `undefined`. Takes as long for a wrong key as for a right one. */
    readonly check: (key: Redacted.Redacted) => Effect.Effect<{ readonly id: string } | undefined>
  }
>()("effect-devbox/ApiKeys") {}

const digest = (key: Redacted.Redacted): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(Redacted.value(key)))))

/** Compares without saying by its duration how much agrees. */
const isEqual = (left: Uint8Array, right: Uint8Array): boolean => {
  let difference = left.length ^ right.length
  for (let index = 0; index < left.length; index++) difference |= left[index]! ^ (right[index] ?? 0)
  return difference === 0
}

/** A fixed set of keys, by the id of whom they belong to. */
export const layerFixed = (keys: Readonly<Record<string, Redacted.Redacted>>): Layer.Layer<ApiKeys> =>
  Layer.effect(
    ApiKeys,
    Effect.map(
      Effect.forEach(Object.entries(keys), ([id, key]) => Effect.map(digest(key), (hash) => ({ id, hash }))),
      (known) => ({
        check: (key: Redacted.Redacted) =>
          Effect.map(digest(key), (hash) => {
            let found: { readonly id: string } | undefined
            for (const entry of known) if (isEqual(entry.hash, hash)) found = { id: entry.id }
            return found
          })
      })
    )
  )
