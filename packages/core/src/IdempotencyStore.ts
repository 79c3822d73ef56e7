/**
 * Where the server remembers what it was asked and what it answered, so that a request that arrives twice is carried out once: the
 * clients send the same `x-request-id` with every retry of one call. It keeps words and decides nothing.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** An answer as it can be kept. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A request that is carried out, perhaps not for the first time. */
export interface Attempt {
  /** A UUIDv7 by which what the request makes can be named, so that a later attempt finds it. The same for every attempt. */
  readonly seed: string
  /** It was begun before and not answered: the server may have died over it. */
  readonly again: boolean
}

/** The request that is being carried out; absent where the client sent no key. */
export const CurrentAttempt = Context.Reference<Attempt | undefined>("effect-devbox/CurrentAttempt", {
  defaultValue: () => undefined
})

/** Keeps requests and answers by key. */
export class IdempotencyStore extends Context.Service<
  IdempotencyStore,
  {
    /** Writes down, before anything is done, that the request is carried out; or gives the answer that it got. */
    readonly begin: (key: string) => Effect.Effect<Attempt | Answer>
    readonly put: (key: string, answer: Answer) => Effect.Effect<void>
  }
>()("effect-devbox/IdempotencyStore") {}

/** How long, and how many. */
export interface Options {
  /** Default one hour: official clients give up within minutes. */
  readonly timeToLive?: Duration.Input | undefined
  /** Default 10 000; the oldest go first. */
  readonly capacity?: number | undefined
}

interface Kept {
  readonly seed: string
  readonly answer: Answer | undefined
  readonly until: number
}

/** Answers in memory; forgotten with the process. */
export const layerMemory = (options: Options = {}): Layer.Layer<IdempotencyStore> =>
  Layer.sync(IdempotencyStore, () => {
    const timeToLive = Duration.toMillis(Duration.fromInputUnsafe(options.timeToLive ?? "1 hour"))
    const capacity = options.capacity ?? 10_000
    const kept = new Map<string, Kept>()
    const keep = (key: string, seed: string, answer: Answer | undefined, now: number) => {
      kept.delete(key)
      kept.set(key, { seed, answer, until: now + timeToLive })
      for (const [oldest, { until }] of kept) {
        if (kept.size <= capacity && until > now) break
        kept.delete(oldest)
      }
    }
    return {
      begin: (key) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const found = kept.get(key)
          if (found !== undefined && found.until > now) return found.answer ?? { seed: found.seed, again: true }
          const seed = SecureRandom.uuidV7Unsafe()
          keep(key, seed, undefined, now)
          return { seed, again: false }
        }),
      put: (key, answer) =>
        Effect.map(Clock.currentTimeMillis, (now) =>
          keep(key, kept.get(key)?.seed ?? SecureRandom.uuidV7Unsafe(), answer, now)
        )
    }
  })
