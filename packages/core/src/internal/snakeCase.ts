/**
 * The one mechanism between our camelCase models and the snake_case JSON of the wire. Codecs are derived from a model's own
 * fields, so no second list of names exists. It knows no path and no status.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Str from "effect/String"

/** The snake_case spelling of a camelCase key, at the type level. */
export type SnakeCase<S extends string> = S extends `${infer H}${infer T}`
  ? H extends Lowercase<H>
    ? `${H}${SnakeCase<T>}`
    : `_${Lowercase<H>}${SnakeCase<T>}`
  : S

type SnakeKeys<F> = { readonly [K in keyof F]: K extends string ? SnakeCase<K> : never }

/** The codec of a model: decodes snake_case JSON to a value of the model, encodes such a value to snake_case JSON. */
export const snakeCase = <S extends Schema.Constraint & { readonly fields: Schema.Struct.Fields }>(
  model: S
): Schema.encodeKeys<S, SnakeKeys<S["fields"]>> => {
  const mapping = Object.fromEntries(Object.keys(model.fields).map((key) => [key, Str.camelToSnake(key)]))
  return Schema.encodeKeys<S, SnakeKeys<S["fields"]>>(mapping as SnakeKeys<S["fields"]>)(model)
}

/** A field that the wire may leave out or send as `null`: absent in the domain either way, never encoded as `null`. */
export const nullish = <S extends Schema.Top>(schema: S) =>
  Schema.optionalKey(Schema.NullishOr(schema)).pipe(
    Schema.decodeTo(Schema.optionalKey(Schema.toType(schema)), {
      decode: SchemaGetter.transformOptional<S["Type"], S["Type"] | null | undefined>(
        Option.filter(Predicate.isNotNullish)
      ),
      encode: SchemaGetter.transformOptional<S["Type"] | null | undefined, S["Type"]>((value) => value)
    })
  )

/**
 * An enumeration that a server may extend: a word we do not know decodes as `"unknown"`, an alias as the word it stands for,
 * so tomorrow's status never breaks today's program.
 */
export const openEnum = <const W extends string>(
  words: ReadonlyArray<W>,
  aliases: Readonly<Record<string, NoInfer<W>>> = {}
) => {
  const known = new Set<string>(words)
  return Schema.String.pipe(
    Schema.decodeTo(Schema.Literals<ReadonlyArray<W | "unknown">>([...words, "unknown"]), {
      decode: SchemaGetter.transform((word: string): W | "unknown" =>
        known.has(word) ? (word as W) : Object.hasOwn(aliases, word) ? aliases[word]! : "unknown"
      ),
      encode: SchemaGetter.transform((word: W | "unknown"): string => word)
    })
  )
}
