/**
 * What one caller may have of a server at once. Counted is what was seen open; before somebody is refused it is looked at again, so
 * that what has ended by itself does not count. Executions are counted from the server's start on.
 */
import type { Shape } from "@effect-devbox/core/DevboxBackend"
import { type BackendError, RateLimitError } from "@effect-devbox/core/DevboxError"
import type { DevboxInfo } from "@effect-devbox/core/DevboxModel"
import * as Effect from "effect/Effect"
import { tenant } from "./caller.ts"
import { failure } from "./errors.ts"
import { isOver, type Owned } from "./estate.ts"

/** How many of each. */
export interface Shares {
  readonly devboxes: number
  readonly executions: number
}

/** How long a refusal stands before anything is looked at again. */
const pause = 1000

interface Count {
  readonly open: Map<string, Effect.Effect<boolean>>
  /** On their way, and not yet among the open ones. */
  making: number
  refusedAt: number
}

/** One limit, for each caller. */
class Share {
  readonly #counts = new Map<string, Count>()
  readonly #limit: number
  readonly #what: string
  constructor(limit: number, what: string) {
    this.#limit = limit
    this.#what = what
  }

  of(who: string): Count {
    let count = this.#counts.get(who)
    if (count === undefined) this.#counts.set(who, (count = { open: new Map(), making: 0, refusedAt: -pause }))
    return count
  }

  #isFull({ making, open }: Count): boolean {
    return open.size + making >= this.#limit
  }

  /** Makes something of the caller's, if there is room for it. */
  within<A, E>(
    who: string,
    operation: string,
    make: Effect.Effect<A, E>,
    opened: (made: A, open: Count["open"]) => void
  ): Effect.Effect<A, E | BackendError> {
    const count = this.of(who)
    const refusal = Effect.suspend(() => {
      const detail = `this key has ${this.#limit} ${this.#what}, as many as the server allows; end some first`
      return Effect.fail(failure(operation, new RateLimitError({ detail, retryAfterMs: pause })))
    })
    const room = Effect.suspend((): Effect.Effect<void, BackendError> => {
      if (!this.#isFull(count)) return Effect.void
      if (performance.now() - count.refusedAt < pause) return refusal
      return Effect.forEach(
        [...count.open],
        ([id, isOpen]) => Effect.map(isOpen, (still) => void (still || count.open.delete(id))),
        { discard: true }
      ).pipe(
        Effect.flatMap(() => {
          if (!this.#isFull(count)) return Effect.void
          count.refusedAt = performance.now()
          return refusal
        })
      )
    })
    return Effect.andThen(
      room,
      Effect.suspend(() => {
        count.making++
        return make.pipe(
          Effect.tap((made) => Effect.sync(() => opened(made, count.open))),
          Effect.ensuring(Effect.sync(() => count.making--))
        )
      })
    )
  }
}

/** What is not there any more does not count; what cannot be looked at does. */
const still = <A>(look: Effect.Effect<A, { readonly _tag: string }>, counts: (seen: A) => boolean) =>
  Effect.match(look, { onSuccess: counts, onFailure: ({ _tag }) => _tag !== "ResourceNotFound" })

/** A backend that gives each caller no more than their share. `known` are the devboxes that are open already, by whose they are. */
export const share = (backend: Shape, limits: Shares, known: ReadonlyArray<Owned>): Shape => {
  const devboxes = new Share(limits.devboxes, "devboxes")
  const executions = new Share(limits.executions, "commands running")
  const opened = (id: DevboxInfo["id"]) => still(backend.get(id), (info) => !isOver(info))
  for (const { id, tenant: who } of known) devboxes.of(who).open.set(id, opened(id))
  return {
    ...backend,
    create: (params) =>
      Effect.flatMap(tenant, (who) =>
        devboxes.within(who, "create", backend.create(params), (info, open) => {
          if (!isOver(info)) open.set(info.id, opened(info.id))
        })
      ),
    startExecution: (id, params) =>
      Effect.flatMap(tenant, (who) => {
        const start = backend.startExecution(id, params)
        // One that is sent again is no other.
        if (executions.of(who).open.has(`${id} ${params.commandId}`)) return start
        return executions.within(who, "exec", start, ({ executionId, status }, open) => {
          if (status === "completed") return
          const look = still(backend.getExecution(id, executionId), (info) => info.status !== "completed")
          open.set(`${id} ${executionId}`, look)
        })
      })
  }
}
