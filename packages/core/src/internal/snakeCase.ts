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

type Model = Schema.Constraint & { readonly fields: Schema.Struct.Fields }

type SnakeKeys<F> = { readonly [K in keyof F]: K extends string ? SnakeCase<K> : never }

type Values = Readonly<Record<string, unknown>>

/** The same values under other names. */
const renamed =
  (names: ReadonlyArray<readonly [from: string, to: string]>) =>
  (values: Values): Values => {
    const out: Record<string, unknown> = {}
    for (const [from, to] of names) if (Object.hasOwn(values, from)) out[to] = values[from]
    return out
  }

/** Gives values that were decoded field by field their class; there is nothing left that its constructor could check. */
const construct = (model: Model): ((fields: Values) => unknown) => {
  const transformation = model.ast.encoding?.[0]?.transformation
  const getter = transformation?._tag === "Transformation" ? transformation.decode : undefined
  return getter?._tag === "Transform" ? getter.transform : (fields) => fields
}

/**
 * The codec of a model: decodes snake_case JSON to a value of the model, encodes such a value to snake_case JSON. Each field is looked at
 * once, under its name on the wire, and the names are changed between the fields and the class; a check belongs to a field or to the
 * class, not to the struct that a class is made from.
 */
export const snakeCase = <S extends Model>(model: S): Schema.encodeKeys<S, SnakeKeys<S["fields"]>> => {
  const names = Object.keys(model.fields).map((key) => [key, Str.camelToSnake(key)] as const)
  const wire = Schema.Struct(Object.fromEntries(names.map(([key, name]) => [name, model.fields[key]!])))
  const make = construct(model)
  const toModel = renamed(names.map(([key, name]) => [name, key]))
  const codec = Schema.decodeTo(Schema.toType(model), {
    decode: SchemaGetter.transform((fields: Values) => make(toModel(fields))),
    encode: SchemaGetter.transform(renamed(names))
    // The names are known as values only; their types are those of the result.
  } as never)(wire)
  // It decodes and encodes what `encodeKeys` would; the struct's own type would be written out in every declaration.
  return codec as never
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
