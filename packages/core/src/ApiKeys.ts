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

/** Whose request is being carried out, for stores and backends that keep callers apart; absent outside of a request. */
export const CurrentCaller = Context.Reference<{ readonly id: string } | undefined>("effect-devbox/CurrentCaller", {
  defaultValue: () => undefined
})

const bytes = (key: Redacted.Redacted): Uint8Array => new TextEncoder().encode(Redacted.value(key))

/** Compares in a time that depends on what was given alone, and so says nothing about what was expected. */
const isEqual = (given: Uint8Array, expected: Uint8Array): boolean => {
  let difference = given.length ^ expected.length
  for (let index = 0; index < given.length; index++) difference |= given[index]! ^ expected[index % expected.length]!
  return difference === 0 && given.length > 0
}

/** A fixed set of keys, by the id of whom they belong to. */
export const layerFixed = (keys: Readonly<Record<string, Redacted.Redacted>>): Layer.Layer<ApiKeys> =>
  Layer.sync(ApiKeys, () => {
    const known = Object.entries(keys).map(([id, key]) => ({ id, expected: bytes(key) }))
    return {
      check: (key) =>
        Effect.sync(() => {
          const given = bytes(key)
          let found: { readonly id: string } | undefined
          // Every key is compared, so that the place of a match does not show.
          for (const { expected, id } of known) if (isEqual(given, expected)) found = { id }
          return found
        })
    }
  })
