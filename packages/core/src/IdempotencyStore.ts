/**
 * Where the server remembers what it was asked and what it answered, so that a request that arrives twice is carried out once: the
 * clients send the same `x-request-id` with every retry of one call. It keeps words and decides nothing.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"

/** A request that is to be carried out once. */
export interface Request {
  /** Whose it is, its method, its path, and what the client calls it: the same for every time that it is sent. */
  readonly key: string
  /** What it says besides. The same key with other words is another request under a name that is taken. */
  readonly content: string
  /** What the caller showed. An answer that is kept where others could read it can be sealed with it. */
  readonly credential: Redacted.Redacted
}

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
    /**
     * Writes down, before anything is done, that the request is carried out; or gives the answer that it got. `"taken"` when there
     * was a request of this key with other words.
     */
    readonly begin: (request: Request) => Effect.Effect<Attempt | Answer | "taken">
    readonly put: (request: Request, answer: Answer) => Effect.Effect<void>
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
  readonly content: string
  readonly seed: string
  readonly answer: Answer | undefined
  readonly until: number
}

/** Enough to notice a mistake, and small however large the request is. */
const digest = (content: string): string => `${content.length} ${Hash.string(content)}`

/** Answers in memory; forgotten with the process. */
export const layerMemory = (options: Options = {}): Layer.Layer<IdempotencyStore> =>
  Layer.sync(IdempotencyStore, () => {
    const timeToLive = Duration.toMillis(Duration.fromInputUnsafe(options.timeToLive ?? "1 hour"))
    const capacity = options.capacity ?? 10_000
    const kept = new Map<string, Kept>()
    const keep = ({ content, key }: Request, seed: string, answer: Answer | undefined, now: number) => {
      kept.delete(key)
      kept.set(key, { content: digest(content), seed, answer, until: now + timeToLive })
      for (const [oldest, { until }] of kept) {
        if (kept.size <= capacity && until > now) break
        kept.delete(oldest)
      }
    }
    return {
      begin: (request) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const found = kept.get(request.key)
          if (found !== undefined && found.until > now) {
            if (found.content !== digest(request.content)) return "taken" as const
            return found.answer ?? { seed: found.seed, again: true }
          }
          const seed = SecureRandom.uuidV7Unsafe()
          keep(request, seed, undefined, now)
          return { seed, again: false }
        }),
      put: (request, answer) =>
        Effect.map(Clock.currentTimeMillis, (now) =>
          keep(request, kept.get(request.key)?.seed ?? SecureRandom.uuidV7Unsafe(), answer, now)
        )
    }
  })
