/** Secrets of a server, in its database: values go into devboxes and never out of the interface. */
import { type BackendError, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import { SecretInfo, SecretStore } from "@effect-devbox/core/Secrets"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Database } from "../store/database.ts"
import { tenant } from "./caller.ts"
import { invalid, name as server } from "./errors.ts"

interface Row {
  readonly id: string
  readonly name: string
  readonly create_time_ms: number
  readonly update_time_ms: number
}

const columns = "id, name, create_time_ms, update_time_ms"

const toInfo = (row: Row) =>
  new SecretInfo({ id: row.id, name: row.name, createTimeMs: row.create_time_ms, updateTimeMs: row.update_time_ms })

const missing = (name: string) => new ResourceNotFound({ resource: "secret", id: name })

/** The value of a secret of a tenant. */
export const secretValue = (db: Database, who: string, name: string): string | undefined =>
  db.first<{ readonly value: string }>("select value from secrets where tenant = ? and name = ?", who, name)?.value

/** See above. */
export const layerSecrets = (db: Database): Layer.Layer<SecretStore> => {
  const get = (name: string) =>
    Effect.flatMap(tenant, (who) => {
      const row = db.first<Row>(`select ${columns} from secrets where tenant = ? and name = ?`, who, name)
      return row === undefined ? Effect.fail(missing(name)) : Effect.succeed(toInfo(row))
    })
  return Layer.succeed(SecretStore, {
    name: server,
    create: (name, value) =>
      Effect.flatMap(tenant, (who): Effect.Effect<SecretInfo, BackendError> => {
        if (!/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name)) {
          return Effect.fail(
            invalid("createSecret", `${JSON.stringify(name)} is not the name of an environment variable`)
          )
        }
        const now = Date.now()
        const row = { id: `sec_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`, name }
        const isNew =
          db
            .statement(
              `insert or ignore into secrets (tenant, name, id, value, create_time_ms, update_time_ms)
               values (?, ?, ?, ?, ?, ?)`
            )
            .run(who, name, row.id, Redacted.value(value), now, now).changes === 1
        return isNew
          ? Effect.succeed(toInfo({ ...row, create_time_ms: now, update_time_ms: now }))
          : Effect.fail(invalid("createSecret", `there is a secret ${name} already; update it, or choose another name`))
      }),
    get,
    update: (name, value) =>
      Effect.flatMap(tenant, (who) => {
        db.statement("update secrets set value = ?, update_time_ms = ? where tenant = ? and name = ?").run(
          Redacted.value(value),
          Date.now(),
          who,
          name
        )
        return get(name)
      }),
    delete: (name) =>
      Effect.flatMap(tenant, (who) =>
        db.statement("delete from secrets where tenant = ? and name = ?").run(who, name).changes === 1
          ? Effect.void
          : Effect.fail(missing(name))
      ),
    list: (limit) =>
      Effect.map(tenant, (who) =>
        db.all<Row>(`select ${columns} from secrets where tenant = ? order by name limit ?`, who, limit).map(toInfo)
      )
  })
}
