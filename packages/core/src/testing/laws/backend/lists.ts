/** Laws of lists. Other devboxes may exist beside those of a law, so each looks for its own among all. */
import * as Effect from "effect/Effect"
import { DevboxBackend, type ListQuery, type Shape } from "../../../DevboxBackend.ts"
import type { DevboxInfo, DevboxStatus } from "../../../DevboxModel.ts"
import { created, reach, running, unique } from "../boxes.ts"
import { equal, eventually, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

/** Every devbox, page by page; more pages than there can be are a claim that does not hold. */
const everything = (backend: Shape, query: ListQuery & { readonly status?: DevboxStatus } = {}, limit = 100) =>
  Effect.gen(function* () {
    const found: Array<DevboxInfo> = []
    let startingAfter: string | undefined
    for (let page = 0; page < 1000; page++) {
      const { hasMore, items } = yield* backend.list({ ...query, limit, startingAfter })
      yield* holds("a page is no longer than asked", items.length <= limit, items.length)
      found.push(...items)
      startingAfter = items.at(-1)?.id
      if (!hasMore) return found
      yield* holds("a page that says there is more is not empty", startingAfter !== undefined)
    }
    yield* holds("the pages come to an end", false, `${found.length} devboxes in 1000 pages`)
    return found
  })

const three = Effect.gen(function* () {
  const backend = yield* DevboxBackend
  const mark = unique("law")
  const ids: Array<string> = []
  for (let i = 0; i < 3; i++) ids.push((yield* created({ metadata: { mark } })).id)
  const mine = (infos: ReadonlyArray<DevboxInfo>) =>
    infos.filter(({ metadata }) => metadata["mark"] === mark).map(({ id }) => id as string)
  return { backend, ids, mark, mine }
})

/** See above. */
export const lists: ReadonlyArray<BackendLaw> = [
  law(
    "list-newest-first",
    "The list shows each devbox once, the newest first.",
    [],
    Effect.gen(function* () {
      const { backend, ids, mine } = yield* three
      const found = yield* eventually(
        "the list shows what was created",
        Effect.map(everything(backend), mine),
        ({ length }) => length >= 3
      )
      yield* equal("each once, newest first", found, ids.toReversed())
    })
  ),
  law(
    "list-pages",
    "Page by page the list shows the same as in one go.",
    [],
    Effect.gen(function* () {
      const { backend, ids, mine } = yield* three
      yield* eventually(
        "the list shows what was created",
        Effect.map(everything(backend), mine),
        ({ length }) => length >= 3
      )
      const found = yield* succeeds("small pages can be read", everything(backend, {}, 2))
      yield* equal("nothing is missing and nothing comes twice", mine(found), ids.toReversed())
    })
  ),
  law(
    "list-shows-created",
    "The list shows a devbox as soon as its create was accepted.",
    ["consistentList"],
    Effect.gen(function* () {
      const { backend, ids, mine } = yield* three
      const { items } = yield* backend.list({ limit: 100 })
      yield* equal("the first page has it", mine(items), ids.toReversed())
    })
  ),
  law(
    "list-by-status",
    "The list can be had of one status alone.",
    [],
    Effect.gen(function* () {
      const mark = unique("law")
      const { backend, id } = yield* running({ metadata: { mark } })
      const other = yield* running({ metadata: { mark } })
      yield* backend.shutdown(other.id)
      yield* reach(backend, other.id, "shutdown")
      const found = yield* eventually(
        "those that run are listed",
        everything(backend, { status: "running" }),
        (infos) => infos.some((info) => info.id === id)
      )
      yield* holds(
        "all that are listed run",
        found.every(({ status }) => status === "running"),
        found.map(({ status }) => status)
      )
      yield* holds(
        "the one that is over is not among them",
        found.every((info) => info.id !== other.id)
      )
      const ended = yield* eventually(
        "those that are over are listed",
        everything(backend, { status: "shutdown" }),
        (infos) => infos.some((info) => info.id === other.id)
      )
      yield* holds(
        "the one that runs is not among them",
        ended.every((info) => info.id !== id)
      )
    })
  ),
  law(
    "list-by-metadata",
    "The list can be had of some metadata alone, all of which must fit.",
    ["metadataFilter"],
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const mark = unique("law")
      const a = yield* created({ metadata: { mark, kind: "a" } })
      const b = yield* created({ metadata: { mark, kind: "b" } })
      const ids = (metadata: Readonly<Record<string, string>>) =>
        Effect.map(everything(backend, { metadata }, 1), (infos) => infos.map(({ id }) => id))
      const both = yield* eventually("both are listed", ids({ mark }), ({ length }) => length >= 2)
      yield* equal("by what they share", both, [b.id, a.id])
      yield* equal("by what tells them apart", yield* ids({ mark, kind: "a" }), [a.id])
      yield* equal("by what neither has", yield* ids({ mark, kind: "c" }), [])
    })
  )
]
