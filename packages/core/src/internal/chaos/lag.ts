/** Lists that do not show at once what was created. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Page, Shape } from "../../DevboxBackend.ts"

/** The backend with lists that lag behind; `hid` hears of every list that left something out. */
export const lagging = (
  backend: Shape,
  lagMs: number,
  hid: (operation: "list" | "listSnapshots", things: number) => Effect.Effect<void>
): Shape => {
  if (lagMs <= 0) return backend
  const shownFrom = new Map<string, number>()
  /** The eldest come first. */
  const forget = (now: number): void => {
    for (const [id, from] of shownFrom) {
      if (from > now) return
      shownFrom.delete(id)
    }
  }
  const born = (thing: { readonly id: string }) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      forget(now)
      shownFrom.set(thing.id, now + lagMs)
    })
  const shown = <A extends { readonly id: string }, E>(
    operation: "list" | "listSnapshots",
    page: (startingAfter: string | undefined) => Effect.Effect<Page<A>, E>,
    startingAfter: string | undefined
  ): Effect.Effect<Page<A>, E> =>
    Effect.gen(function* () {
      let after = startingAfter
      while (true) {
        const { hasMore, items } = yield* page(after)
        const now = yield* Clock.currentTimeMillis
        forget(now)
        const visible = items.filter((item) => !shownFrom.has(item.id))
        if (visible.length < items.length) yield* hid(operation, items.length - visible.length)
        after = items.at(-1)?.id
        // The next page starts after the last item of this one, so a page that says there is more is never empty.
        if (visible.length > 0 || !hasMore || after === undefined) return { items: visible, hasMore }
      }
    })
  return {
    ...backend,
    create: (params) => Effect.tap(backend.create(params), born),
    startSnapshot: (id, params) => Effect.tap(backend.startSnapshot(id, params), born),
    list: (query) => shown("list", (startingAfter) => backend.list({ ...query, startingAfter }), query.startingAfter),
    listSnapshots: (query) =>
      shown("listSnapshots", (startingAfter) => backend.listSnapshots({ ...query, startingAfter }), query.startingAfter)
  }
}
