/** What was asked and answered, on disk: a request that is sent again after a crash is carried out once, too. */
import { type Answer, type Attempt, IdempotencyStore } from "@effect-devbox/core/IdempotencyStore"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createHash } from "node:crypto"
import type { Database } from "../store/database.ts"

interface Row {
  readonly seed: string
  readonly status: number | null
  readonly content_type: string | null
  readonly body: Uint8Array | null
}

/** Official clients give up within minutes. */
const timeToLive = 60 * 60 * 1000
/** How many requests are begun between two looks for old ones. */
const interval = 1000
/** A larger answer is made anew: what the request did is found by its seed. */
const largest = 1024 * 1024

/** Keys hold what a client sent, of any length. */
const hashOf = (key: string): Buffer => createHash("sha256").update(key).digest()

/** See above. */
export const layerAnswers = (db: Database): Layer.Layer<IdempotencyStore> =>
  Layer.sync(IdempotencyStore, () => {
    let begun = 0
    const begin = (key: string): Attempt | Answer => {
      const now = Date.now()
      if (begun++ % interval === 0) {
        db.statement("delete from answers where begin_time_ms < ?").run(now - timeToLive)
      }
      const hash = hashOf(key)
      const seed = SecureRandom.uuidV7Unsafe()
      const isNew =
        db
          .statement("insert or ignore into answers (request_hash, seed, begin_time_ms) values (?, ?, ?)")
          .run(hash, seed, now).changes === 1
      if (isNew) return { seed, again: false }
      const found = db.first<Row>("select seed, status, content_type, body from answers where request_hash = ?", hash)
      if (found === undefined) return { seed, again: false }
      const { body, content_type, status } = found
      if (status === null || body === null) return { seed: found.seed, again: true }
      return { status, headers: { "content-type": content_type ?? "application/json" }, body }
    }
    return {
      begin: (key) => Effect.sync(() => begin(key)),
      put: (key, { body, headers, status }) =>
        Effect.sync(() => {
          if (body.length > largest) return
          db.statement("update answers set status = ?, content_type = ?, body = ? where request_hash = ?").run(
            status,
            headers["content-type"] ?? null,
            body,
            hashOf(key)
          )
        })
    }
  })
