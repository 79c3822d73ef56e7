/** Laws of pools: what is handed out runs and is nobody else's, and nothing stays when the pool is gone. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { DevboxBackend } from "../../../DevboxBackend.ts"
import * as DevboxPool from "../../../DevboxPool.ts"
import { unique } from "../boxes.ts"
import { equal, eventually, succeeds } from "../claim.ts"
import { law, type ServiceLaw } from "../law.ts"
import { end, options } from "./boxes.ts"

/** A pool whose devboxes carry a mark, with a look at those that are not over. */
const marked = (size: number) =>
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    const mark = unique("law")
    const pool = yield* DevboxPool.make({ size, create: yield* options({ metadata: { mark } }) })
    const living = Effect.map(backend.list({ limit: 100 }), ({ items }) =>
      items.filter(({ metadata, status }) => metadata["mark"] === mark && status !== "shutdown" && status !== "failure")
    )
    return { pool, living, full: eventually("it fills by itself", pool.stats, ({ ready }) => ready === size) }
  })

/** See above. */
export const pools: ReadonlyArray<ServiceLaw> = [
  law(
    "pool-hands-out-once",
    "A pool hands out devboxes that run, none of them twice, each until its scope closes, and fills up again.",
    [],
    Effect.gen(function* () {
      const { full, pool } = yield* marked(2)
      yield* full
      const ids = yield* Effect.scoped(
        Effect.gen(function* () {
          const given = yield* succeeds("two can be had", Effect.all([pool.get, pool.get], { concurrency: 2 }))
          for (const devbox of given) {
            const { stdout } = yield* succeeds("it runs", devbox.cmd.exec("echo warm"))
            yield* equal("and works", stdout, "warm\n")
          }
          return given.map(({ id }) => id)
        })
      )
      for (const id of ids) yield* equal("it is shut down with its scope", yield* end(id), "shutdown")
      yield* full
      const later = yield* succeeds("another can be had", Effect.scoped(Effect.map(pool.get, ({ id }) => id)))
      yield* equal("which is none of those", new Set([...ids, later]).size, 3)
    })
  ),
  law(
    "pool-hands-out-what-runs",
    "A pool never hands out a devbox that is over.",
    [],
    Effect.gen(function* () {
      const { full, living, pool } = yield* marked(1)
      const backend = yield* DevboxBackend
      yield* full
      const [warm] = yield* living
      yield* backend.shutdown(warm!.id)
      const devbox = yield* succeeds("one can be had", pool.get)
      yield* equal("it runs", (yield* backend.get(devbox.id)).status, "running")
    })
  ),
  law(
    "pool-ends",
    "When a pool is gone so are its devboxes: those that waited, and those that were handed out.",
    [],
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const made = marked(2).pipe(
        Effect.tap(({ full }) => full),
        Effect.tap(({ pool }) => pool.get),
        Scope.provide(scope)
      )
      const { living } = yield* Effect.onError(made, (cause) => Scope.close(scope, Exit.failCause(cause)))
      yield* Scope.close(scope, Exit.void)
      yield* eventually("nothing of it lives", living, ({ length }) => length === 0)
    })
  )
]
