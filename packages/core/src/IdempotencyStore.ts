/**
 * Where the server remembers what it answered, so that a request that arrives twice is carried out once: the clients send the
 * same `x-request-id` with every retry of one call. It keeps answers and decides nothing.
 */
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

/** Keeps answers by key. */
export class IdempotencyStore extends Context.Service<
  IdempotencyStore,
  {
    readonly get: (key: string) => Effect.Effect<Answer | undefined>
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

/** Answers in memory; forgotten with the process. */
export const layerMemory = (options: Options = {}): Layer.Layer<IdempotencyStore> =>
  Layer.sync(IdempotencyStore, () => {
    const timeToLive = Duration.toMillis(Duration.fromInputUnsafe(options.timeToLive ?? "1 hour"))
    const capacity = options.capacity ?? 10_000
    const kept = new Map<string, { readonly answer: Answer; readonly until: number }>()
    return {
      get: (key) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const found = kept.get(key)
          return found === undefined || found.until <= now ? undefined : found.answer
        }),
      put: (key, answer) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          kept.delete(key)
          kept.set(key, { answer, until: now + timeToLive })
          for (const [oldest, { until }] of kept) {
            if (kept.size <= capacity && until > now) break
            kept.delete(oldest)
          }
        })
    }
  })
