/**
 * What was asked and answered, on disk: a request that is sent again after a crash is carried out once, too. Answers hold keys and
 * tokens, so they are sealed with what only the caller has; who reads the disk without it finds nothing.
 */
import { type Answer, type Attempt, IdempotencyStore, type Request } from "@effect-devbox/core/IdempotencyStore"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto"
import type { Database } from "../store/database.ts"

interface Row {
  readonly content_hash: Uint8Array
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

const hashOf = (text: string): Buffer => createHash("sha256").update(text).digest()

const cipher = "aes-256-gcm"
const nonceBytes = 12
const tagBytes = 16

/** The database knows the hash of a request's key, which says nothing of it. */
const sealOf = ({ credential, key }: Request): Buffer =>
  hashOf(JSON.stringify(["seal", Redacted.value(credential), key]))

/** An answer as it lies on the disk. */
const seal = (request: Request, body: Uint8Array): Uint8Array => {
  const nonce = randomBytes(nonceBytes)
  const sealing = createCipheriv(cipher, sealOf(request), nonce)
  const sealed = [sealing.update(body), sealing.final()]
  return Buffer.concat([nonce, sealing.getAuthTag(), ...sealed])
}

/** The answer, for the caller that got it; for another key of the same caller there is none. */
const unseal = (request: Request, sealed: Uint8Array): Uint8Array | undefined => {
  const opening = createDecipheriv(cipher, sealOf(request), sealed.subarray(0, nonceBytes))
  opening.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes))
  try {
    return Buffer.concat([opening.update(sealed.subarray(nonceBytes + tagBytes)), opening.final()])
  } catch {
    return undefined
  }
}

/** See above. */
export const layerAnswers = (db: Database): Layer.Layer<IdempotencyStore> =>
  Layer.sync(IdempotencyStore, () => {
    let begun = 0
    const begin = (request: Request): Attempt | Answer | "taken" => {
      const now = Date.now()
      if (begun++ % interval === 0) {
        db.statement("delete from answers where begin_time_ms < ?").run(now - timeToLive)
      }
      const hash = hashOf(request.key)
      const content = hashOf(request.content)
      const seed = SecureRandom.uuidV7Unsafe()
      const isNew =
        db
          .statement(
            "insert or ignore into answers (request_hash, content_hash, seed, begin_time_ms) values (?, ?, ?, ?)"
          )
          .run(hash, content, seed, now).changes === 1
      if (isNew) return { seed, again: false }
      const found = db.first<Row>(
        "select seed, content_hash, status, content_type, body from answers where request_hash = ?",
        hash
      )
      if (found === undefined) return { seed, again: false }
      const { body, content_hash, content_type, status } = found
      if (!content.equals(content_hash)) return "taken"
      const opened = body === null ? undefined : unseal(request, body)
      if (status === null || opened === undefined) return { seed: found.seed, again: true }
      return { status, headers: { "content-type": content_type ?? "application/json" }, body: opened }
    }
    return {
      begin: (request) => Effect.sync(() => begin(request)),
      put: (request, { body, headers, status }) =>
        Effect.sync(() => {
          if (body.length > largest) return
          db.statement("update answers set status = ?, content_type = ?, body = ? where request_hash = ?").run(
            status,
            headers["content-type"] ?? null,
            seal(request, body),
            hashOf(request.key)
          )
        })
    }
  })
