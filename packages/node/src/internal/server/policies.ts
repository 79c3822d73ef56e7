/** Network policies of a server, in its database. What they mean is the backend's that keeps them. */
import { type LookupError, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import {
  EgressRules,
  NetworkPolicyId,
  NetworkPolicyInfo,
  NetworkPolicyInfoJson,
  NetworkPolicyStore
} from "@effect-devbox/core/NetworkPolicies"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Book } from "../../LocalNetworkPolicies.ts"
import { given } from "../given.ts"
import type { Database } from "../store/database.ts"
import { tenant } from "./caller.ts"
import { name as server } from "./errors.ts"

interface Row {
  readonly info: string
}

const write = Schema.encodeSync(Schema.fromJsonString(NetworkPolicyInfoJson))
const read = Schema.decodeSync(Schema.fromJsonString(NetworkPolicyInfoJson))

const missing = (id: string) => new ResourceNotFound({ resource: "network policy", id })

/** A policy of a tenant. */
export const policyOf = (db: Database, who: string, id: string): NetworkPolicyInfo | undefined => {
  const row = db.first<Row>("select info from network_policies where tenant = ? and id = ?", who, id)
  return row === undefined ? undefined : read(row.info)
}

const keep = (db: Database, who: string, info: NetworkPolicyInfo): NetworkPolicyInfo => {
  db.statement("insert or replace into network_policies (tenant, id, name, info) values (?, ?, ?, ?)").run(
    who,
    info.id,
    info.name,
    write(info)
  )
  return info
}

/** Where a backend that keeps policies itself looks at them. */
type Enforcing = typeof Book.Service | undefined

/** Puts every policy where the backend looks: it may be a new one. */
export const enforceAll = (db: Database, book: Enforcing): Effect.Effect<void> =>
  book === undefined
    ? Effect.void
    : Effect.forEach(
        db.all<Row>("select info from network_policies"),
        ({ info }) =>
          Effect.catch(book.put(read(info)), (error) =>
            Effect.logWarning(`a network policy cannot be kept, so that no devbox can have it: ${error.message}`)
          ),
        { discard: true }
      )

/** See above. What is in force changes first, where the backend keeps policies itself. */
export const layerPolicies = (db: Database, book: Enforcing): Layer.Layer<NetworkPolicyStore> => {
  const keeping = (who: string, info: NetworkPolicyInfo) =>
    Effect.map(book?.put(info) ?? Effect.void, () => keep(db, who, info))
  const get = (id: NetworkPolicyId) =>
    Effect.flatMap(tenant, (who) => {
      const found = policyOf(db, who, id)
      return found === undefined ? Effect.fail(missing(id)) : Effect.succeed(found)
    })
  return Layer.succeed(NetworkPolicyStore, {
    name: server,
    create: ({ description, name, ...rules }) =>
      Effect.flatMap(tenant, (who) => {
        const now = Date.now()
        return keeping(
          who,
          new NetworkPolicyInfo({
            id: NetworkPolicyId.make(`np_${SecureRandom.uuidV7Unsafe().replaceAll("-", "")}`),
            name,
            createTimeMs: now,
            updateTimeMs: now,
            egress: new EgressRules(rules),
            ...(description === undefined ? {} : { description })
          })
        )
      }),
    get,
    update: (id, { description, name, ...rules }) =>
      Effect.flatMap(Effect.all([tenant, get(id)]), ([who, before]) =>
        Effect.suspend(() =>
          keeping(
            who,
            new NetworkPolicyInfo({
              ...before,
              ...given({ name, description }),
              updateTimeMs: Date.now(),
              egress: new EgressRules({ ...before.egress, ...given(rules) })
            })
          )
        )
      ),
    delete: (id) =>
      Effect.flatMap(tenant, (who): Effect.Effect<void, LookupError> =>
        db.statement("delete from network_policies where tenant = ? and id = ?").run(who, id).changes === 1
          ? (book?.remove(id) ?? Effect.void)
          : Effect.fail(missing(id))
      ),
    list: ({ limit, name = "", search = "", startingAfter = "\uffff" }) =>
      Effect.map(tenant, (who) => {
        const rows = db.all<Row>(
          `select info from network_policies where tenant = ? and id < ? and instr(name, ?) > 0
             and (instr(name, ?) > 0 or instr(id, ?) > 0 or instr(info, ?) > 0) order by id desc limit ?`,
          who,
          startingAfter,
          name,
          search,
          search,
          search,
          limit + 1
        )
        return { items: rows.slice(0, limit).map(({ info }) => read(info)), hasMore: rows.length > limit }
      })
  })
}
