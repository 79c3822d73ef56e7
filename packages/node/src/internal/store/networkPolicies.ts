/** The rows of network policies. Whoever lets something out of a box reads its policy here, so a change holds at once. */
import type { Database } from "./database.ts"

/** A policy as it is written down; `policy` is the JSON of the whole, the rest is for searches. */
export interface NetworkPolicyRow {
  readonly id: string
  readonly name: string
  readonly description: string | null
  readonly policy: string
}

/** Writes a policy down, or writes over it. */
export const putNetworkPolicy = (db: Database, row: NetworkPolicyRow): void => {
  db.statement(
    `insert into network_policies (id, name, description, policy) values (:id, :name, :description, :policy)
     on conflict (id) do update set name = excluded.name, description = excluded.description, policy = excluded.policy`
  ).run({ ...row })
}

/** One policy. */
export const getNetworkPolicy = (db: Database, id: string): NetworkPolicyRow | undefined =>
  db.first("select * from network_policies where id = ?", id)

/** Forgets a policy, and says whether it was there. */
export const deleteNetworkPolicy = (db: Database, id: string): boolean =>
  db.statement("delete from network_policies where id = ?").run(id).changes === 1

/** A page of policies, newest first, at most `limit`; ids grow with time. */
export const listNetworkPolicies = (
  db: Database,
  query: {
    readonly limit: number
    readonly startingAfter?: string | undefined
    readonly name?: string | undefined
    readonly search?: string | undefined
  }
): ReadonlyArray<NetworkPolicyRow> =>
  db.all(
    `select * from network_policies
     where (?1 is null or id < ?1) and (?2 is null or instr(name, ?2) > 0)
       and (?3 is null or instr(name, ?3) > 0 or instr(coalesce(description, ''), ?3) > 0 or id = ?3)
     order by id desc limit ?4`,
    query.startingAfter ?? null,
    query.name ?? null,
    query.search ?? null,
    query.limit
  )
