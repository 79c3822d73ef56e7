/** The keys that clients present: made, kept as hashes, looked up in a time that says nothing, withdrawn. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import * as fs from "node:fs"
import type { Database } from "../store/database.ts"

/** A key without its secret. */
export interface KeyRow {
  readonly id: string
  readonly tenant: string
  readonly create_time_ms: number
  readonly revoke_time_ms: number | null
}

/** Keys are long and random, so that a plain hash is enough. */
const hashOf = (key: string): Buffer => createHash("sha256").update(key).digest()

const makeKey = (): string => `edb_${randomBytes(32).toString("base64url")}`

/** A key that is given from outside, as it is compared. */
export const fixedKey = (tenant: string, key: string) => ({ tenant, hash: hashOf(key) })

/** Whose key it is. Every key is compared in full, so that neither a match nor its place shows in the time. */
export const checkKey = (
  db: Database,
  fixed: ReadonlyArray<{ readonly tenant: string; readonly hash: Uint8Array }>,
  key: string
): string | undefined => {
  const given = hashOf(key)
  const stored = db.all<{ readonly tenant: string; readonly hash: Uint8Array }>(
    "select tenant, hash from api_keys where revoke_time_ms is null"
  )
  let tenant: string | undefined
  for (const known of [...fixed, ...stored]) if (timingSafeEqual(given, known.hash)) tenant = known.tenant
  return tenant
}

const insert = (db: Database, tenant: string, key: string): string => {
  const id = `key_${randomBytes(8).toString("hex")}`
  db.durably(() =>
    db
      .statement("insert into api_keys (id, tenant, hash, create_time_ms) values (?, ?, ?, ?)")
      .run(id, tenant, hashOf(key), Date.now())
  )
  return id
}

/** Makes a key; this is the only time that it is seen. */
export const addKey = (db: Database, tenant: string): { readonly id: string; readonly key: string } => {
  const key = makeKey()
  return { id: insert(db, tenant, key), key }
}

/** Withdraws a key, and says whether there was one. */
export const revokeKey = (db: Database, id: string): boolean =>
  db.statement("update api_keys set revoke_time_ms = ? where id = ? and revoke_time_ms is null").run(Date.now(), id)
    .changes === 1

/** The keys, the oldest first. */
export const listKeys = (db: Database): ReadonlyArray<KeyRow> =>
  db.all("select id, tenant, create_time_ms, revoke_time_ms from api_keys order by create_time_ms, id")

/** The key in a file that only its owner reads, which is made, with the key, when it is not there. */
export const keyInFile = (
  db: Database,
  file: string,
  tenant: string
): { readonly key: string; readonly isNew: boolean; readonly isRevoked: boolean } => {
  const read = (): string | undefined => {
    try {
      return fs.readFileSync(file, "utf8").trim()
    } catch {
      return undefined
    }
  }
  const made = makeKey()
  const temporary = `${file}.${process.pid}`
  let isNew = false
  if (read() === undefined) {
    fs.writeFileSync(temporary, `${made}\n`, { mode: 0o600, flag: "w", flush: true })
    try {
      // Whole or not at all, and the first of several servers that start at once wins.
      fs.linkSync(temporary, file)
      isNew = true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    } finally {
      fs.rmSync(temporary, { force: true })
    }
  }
  fs.chmodSync(file, 0o600)
  const key = read()
  if (key === undefined || key === "") throw new Error(`the key file ${file} is empty; remove it to get a new key`)
  const known = db.first<Pick<KeyRow, "revoke_time_ms">>(
    "select revoke_time_ms from api_keys where hash = ?",
    hashOf(key)
  )
  if (known === undefined) insert(db, tenant, key)
  return { key, isNew, isRevoked: (known?.revoke_time_ms ?? null) !== null }
}
