/** Where the contents of objects lie, what is known of them, and the signed addresses at which they are sent and fetched. */
import { ObjectInfo, StorageObjectId } from "@effect-devbox/core/StorageObjects"
import * as Redacted from "effect/Redacted"
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import type { Database } from "../store/database.ts"

/** What an address is good for. */
export type Use = "put" | "get"

/** An object as it is written down. */
export interface ObjectRow {
  readonly tenant: string
  readonly id: string
  readonly name: string
  readonly content_type: ObjectInfo["contentType"]
  readonly state: "UPLOADING" | "READ_ONLY"
  readonly metadata: string | null
  readonly size_bytes: number | null
  readonly create_time_ms: number
  readonly delete_after_ms: number | null
}

/** The objects of a server. */
export interface ObjectFiles {
  readonly db: Database
  readonly fileOf: (id: string) => string
  /** The part of an address after the origin; good for whoever has it, until then. */
  readonly address: (use: Use, id: string, until: number) => string
  /** The object that an address is about, if the address is one of ours. */
  readonly admit: (use: Use, id: string, query: URLSearchParams) => ObjectRow | undefined
  /** An object of a tenant. */
  readonly find: (tenant: string, id: string) => ObjectRow | undefined
  /** A complete object, whoever's. */
  readonly byId: (id: string) => ObjectRow | undefined
  /** Removes the objects whose time is over. */
  readonly expire: () => void
}

/** The key that addresses are signed with, made with the database. */
const signingKey = (db: Database): Buffer => {
  db.statement("insert or ignore into meta (key, value) values ('signing_key', ?)").run(randomBytes(32))
  const found = db.first<{ readonly value: Uint8Array }>("select value from meta where key = 'signing_key'")
  return Buffer.from(found?.value ?? randomBytes(32))
}

/** See above. */
export const openObjects = (db: Database, folder: string): ObjectFiles => {
  const key = signingKey(db)
  const sign = (use: string, id: string, until: string): string =>
    createHmac("sha256", key)
      .update(JSON.stringify([use, id, until]))
      .digest("base64url")
  const fileOf = (id: string) => path.join(folder, id)
  const live = (row: ObjectRow | undefined) =>
    row === undefined || (row.delete_after_ms !== null && row.delete_after_ms <= Date.now()) ? undefined : row
  return {
    db,
    fileOf,
    address: (use, id, until) =>
      `/v1/objects/${id}/content?${new URLSearchParams({ use, until: String(until), signature: sign(use, id, String(until)) }).toString()}`,
    admit: (use, id, query) => {
      const until = query.get("until") ?? ""
      const given = Buffer.from(query.get("signature") ?? "")
      const expected = Buffer.from(sign(use, id, until))
      const isOurs = given.length === expected.length && timingSafeEqual(given, expected)
      if (!isOurs || query.get("use") !== use || !(Number(until) > Date.now())) return undefined
      return live(db.first<ObjectRow>("select * from objects where id = ?", id))
    },
    find: (tenant, id) => live(db.first<ObjectRow>("select * from objects where tenant = ? and id = ?", tenant, id)),
    byId: (id) => live(db.first<ObjectRow>("select * from objects where id = ? and state = 'READ_ONLY'", id)),
    expire: () => {
      const gone = db.all<{ readonly id: string }>(
        "delete from objects where delete_after_ms <= ? returning id",
        Date.now()
      )
      for (const { id } of gone) fs.rmSync(fileOf(id), { force: true })
    }
  }
}

/** What a caller is told of an object. */
export const toObjectInfo = (row: ObjectRow, uploadUrl?: string): ObjectInfo =>
  new ObjectInfo({
    id: StorageObjectId.make(row.id),
    name: row.name,
    contentType: row.content_type,
    state: row.state,
    createTimeMs: row.create_time_ms,
    ...(row.delete_after_ms === null ? {} : { deleteAfterTimeMs: row.delete_after_ms }),
    ...(row.metadata === null ? {} : { metadata: JSON.parse(row.metadata) as Record<string, string> }),
    ...(row.size_bytes === null ? {} : { sizeBytes: row.size_bytes }),
    ...(uploadUrl === undefined ? {} : { uploadUrl: Redacted.make(uploadUrl) })
  })
