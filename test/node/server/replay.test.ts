/**
 * What the official client sends, recorded and replayed against the server with each field left out, null and there: an optional
 * field that is null is one that is absent, and one that is required is asked for by name.
 */
import { assert, describe, it } from "@effect/vitest"
import { RunloopSDK } from "@runloop/api-client"
import { Effect, Redacted } from "effect"
import { operations } from "../../wire/difference/operations.ts"
import { record, type Recorded } from "../../wire/difference/recorder.ts"
import { ask1, type Answered, keys, serve } from "./support.ts"

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json }

/** The fields without which a request makes no sense, by where they stand; `[]` is any element, `*` any name. */
const required: ReadonlyArray<readonly [path: RegExp, fields: RegExp]> = [
  [/\/execute(_async|_sync)?$/, /^command$/],
  [/\/wait_for_status$/, /^statuses(\[\])?$/],
  [/\/read_file_contents$/, /^file_path$/],
  [/\/write_file_contents$/, /^(file_path|contents)$/],
  [/\/download_file$/, /^path$/],
  [/\/create_tunnel$/, /^port$/],
  [/^\/v1\/objects$/, /^(name|content_type)$/],
  [/^\/v1\/secrets$/, /^(name|value)$/],
  [/^\/v1\/secrets\/[^/]+$/, /^value$/],
  [/^\/v1\/network-policies$/, /^name$/],
  [/^\/v1\/blueprints(\/preview)?$/, /^name$/],
  [/./, /(^|\.)(after_idle\.(idle_time_seconds|on_idle)|user_parameters\.(uid|username))$/],
  [/./, /^mounts\[\](\.(type|object_id|object_path|target|content|repo_name|repo_owner|axon_id))?$/],
  [/./, /^(code_mounts\[\](\.(repo_name|repo_owner))?)$/],
  [/./, /^(gateways|mcp)\.[^.]+(\.(gateway|mcp_config|secret))?$/],
  [/./, /^(metadata|environment_variables|secrets|file_mounts|build_args)\.[^.]+$/],
  [/./, /^allowed_cidrs\[\](\.(cidr|ports\[\](\.port)?))?$/],
  [/./, /^services\[\](\.(name|image|credentials\.(username|password)|env\.[^.]+|port_mappings\[\]))?$/],
  [/./, /^build_context\.(type|object_id)$/],
  [/./, /\[\]$/]
]
/** Present, and null in one of the two: the rule of the interface for these alone. */
const nullable = /^mounts\[\]\.agent_(id|name)$/

const isRequired = (path: string, field: string): boolean =>
  required.some(([where, fields]) => where.test(path) && fields.test(field))

interface Variant {
  readonly field: string
  readonly absent: Json
  readonly none: Json
}

const isRecord = (value: Json): value is { readonly [name: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The body once without, and once with null for, each of its fields at any depth. */
const variants = (body: Json, at = ""): ReadonlyArray<Variant> => {
  if (Array.isArray(body)) {
    const items = body as ReadonlyArray<Json>
    return items.flatMap((item, index) =>
      variants(item, `${at}[]`).map(({ absent, field, none }) => ({
        field,
        absent: items.with(index, absent),
        none: items.with(index, none)
      }))
    )
  }
  if (!isRecord(body)) return []
  return Object.entries(body).flatMap(([name, value]) => {
    const { [name]: _, ...rest } = body
    const field = at === "" ? name : `${at}.${name}`
    return [
      { field, absent: rest, none: { ...body, [name]: null } },
      ...variants(value, field).map((inner) => ({
        field: inner.field,
        absent: { ...body, [name]: inner.absent },
        none: { ...body, [name]: inner.none }
      }))
    ]
  })
}

/** Everything that the official client sends with a JSON body, once each. */
const recordAll = async (): Promise<ReadonlyArray<Recorded>> => {
  const recorder = await record()
  try {
    const sdk = new RunloopSDK({ bearerToken: "a-key", baseURL: recorder.url, maxRetries: 0 })
    for (const { official } of Object.values(operations)) await official({ sdk, api: sdk.api })
    return recorder.take()
  } finally {
    await recorder.close()
  }
}

/** Without what is another one each time. */
const comparable = ({ body, status }: Answered): string =>
  `${status} ${body
    .replaceAll(/\b[a-z]+_[0-9a-f]{6,32}\b/g, "ID")
    .replaceAll(/(?<=_ms":)\d+/g, "0")
    .replaceAll(/signature=[^"]*|"[0-9a-f-]{36}"|until=\d+/g, "ONCE")}`

/** The request could not be read; what could be read and makes no sense now is another matter. */
const malformed = ({ body, status }: Answered): boolean =>
  status === 400 && /the (body|query|path) of the request/.test(body)

describe("what the official client sends", () => {
  it.live(
    "means the same without a field and with null for it, and says which field it cannot do without",
    () =>
      Effect.gen(function* () {
        const recorded = yield* Effect.promise(recordAll)
        const { url } = yield* serve()
        const key = Redacted.value(keys.alice)
        const send = (path: string, body: string) =>
          Effect.promise(() => ask1(url, { path, key, method: "POST", body }))
        const seen = new Set<string>()
        let replayed = 0
        for (const { body, headers, method, path, query } of recorded) {
          if (method !== "POST" || headers["content-type"] !== "application/json") continue
          if (seen.has(`${path} ${body}`)) continue
          seen.add(`${path} ${body}`)
          const box = (JSON.parse((yield* send("/v1/devboxes", "{}")).body) as { readonly id: string }).id
          const command = { command: "true" }
          const run = yield* send(`/v1/devboxes/${box}/execute_async`, JSON.stringify(command))
          const execution = (JSON.parse(run.body) as { readonly execution_id: string }).execution_id
          const search = new URLSearchParams(query.map(([name, value]) => [name, value])).toString()
          const target = `${path.replace("dbx_1", box).replace("exec_1", execution)}${search === "" ? "" : `?${search}`}`
          // A hold is not what this is about.
          const brief = (json: Json): string =>
            JSON.stringify(isRecord(json) && "statuses" in json ? { timeout_seconds: 0, ...json } : json)
          for (const empty of path.endsWith("/execute") ? [] : body === "" ? ["", "{}", "null"] : []) {
            assert.isFalse(malformed(yield* send(target, empty)), `${path} with the body ${JSON.stringify(empty)}`)
          }
          if (body === "") continue
          const whole = JSON.parse(body) as Json
          assert.isFalse(malformed(yield* send(target, brief(whole))), `${path} ${body}`)
          const more = isRecord(whole) ? { ...whole, a_field_of_the_future: { x: 1 } } : whole
          assert.isFalse(malformed(yield* send(target, brief(more))), `${path} with an unknown key`)
          for (const { absent, field, none } of variants(whole)) {
            if (nullable.test(field)) continue
            const without = yield* send(target, brief(absent))
            const withNull = yield* send(target, brief(none))
            replayed += 2
            if (isRequired(path, field)) {
              assert.isTrue(malformed(withNull), `${path}: ${field} is null: ${withNull.body}`)
              continue
            }
            assert.isFalse(malformed(without), `${path} without ${field}: ${without.body}`)
            assert.strictEqual(comparable(withNull), comparable(without), `${path}: ${field}`)
          }
        }
        console.log(
          `    ${seen.size} recorded requests, replayed ${replayed} times without a field or with null for it`
        )
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )
})
