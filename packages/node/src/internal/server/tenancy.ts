/**
 * A backend in which every caller sees only what is theirs, made of any backend: what is another's is not found, as if it had
 * never been. What a request makes carries its stamp, so that the same request after a crash finds it instead of making another.
 */
import type { ListQuery, Page, Shape } from "@effect-devbox/core/DevboxBackend"
import { type BackendError, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import { CreateParams, type DevboxId, type SnapshotId } from "@effect-devbox/core/DevboxModel"
import { CurrentAttempt } from "@effect-devbox/core/IdempotencyStore"
import { SnapshotParams, SnapshotState } from "@effect-devbox/core/Snapshot"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { given } from "../given.ts"
import type { Database } from "../store/database.ts"
import { tenant } from "./caller.ts"
import { isOwned, type Kind, own } from "./owned.ts"
import { hideDevbox, hideSnapshot, requestKey, stamped, stampOf, tenantKey } from "./stamps.ts"

interface Stamped {
  readonly id: string
  readonly metadata: Readonly<Record<string, string>>
}

/** The stamp of the request that is carried out. */
const stamp = Effect.map(Effect.all([tenant, CurrentAttempt]), ([id, attempt]) => ({
  [tenantKey]: id,
  ...(attempt === undefined ? {} : { [requestKey]: attempt.seed })
}))

/** How many items are looked at in one step of a search. */
const step = 200

/** The pages of a list, of what is the caller's: asked for where the backend can filter, looked through where it cannot. */
const pagesOf =
  <A extends Stamped>(filters: boolean, list: (query: ListQuery) => Effect.Effect<Page<A>, BackendError>) =>
  (query: ListQuery, of: Readonly<Record<string, string>>): Effect.Effect<Page<A>, BackendError> => {
    const isTheirs = (item: A) => Object.entries(of).every(([key, value]) => item.metadata[key] === value)
    if (filters) return list({ ...query, metadata: { ...query.metadata, ...of } })
    const limit = query.limit ?? 20
    return Effect.gen(function* () {
      const items: Array<A> = []
      let startingAfter = query.startingAfter
      for (;;) {
        const found = yield* list({ ...query, limit: step, startingAfter })
        items.push(...found.items.filter(isTheirs))
        startingAfter = found.items.at(-1)?.id
        const isLast = !found.hasMore || startingAfter === undefined
        if (items.length > limit || isLast) return { items: items.slice(0, limit), hasMore: items.length > limit }
      }
    })
  }

/** Makes something once: an earlier attempt of the same request that was not answered may have made it. */
const once = <A extends Stamped, E>(
  find: (query: ListQuery, of: Readonly<Record<string, string>>) => Effect.Effect<Page<A>, BackendError>,
  make: (stamp: Readonly<Record<string, string>>) => Effect.Effect<A, E>,
  /** What died with the attempt that made it is of no use, and was promised to nobody. */
  isUsable: (made: A) => boolean = () => true
): Effect.Effect<A, E | BackendError> =>
  Effect.gen(function* () {
    const attempt = yield* CurrentAttempt
    const mark = yield* stamp
    if (attempt?.again === true) {
      const made = (yield* find({}, mark)).items.find(isUsable)
      if (made !== undefined) return made
    }
    return yield* make(mark)
  })

/** What of a request has to be looked up or refused before the backend sees it. */
export type Prepare = (params: CreateParams) => Effect.Effect<CreateParams, BackendError | ResourceNotFound>

/** Every member of a backend, also those that it need not have: one that is new does not compile until it is thought of here. */
type Everything = { readonly [K in keyof Required<Shape>]: Shape[K] }

/** A snapshot's state as its owner sees it. */
const hideState = (state: SnapshotState): SnapshotState =>
  state.snapshot === undefined ? state : new SnapshotState({ ...state, snapshot: hideSnapshot(state.snapshot) })

/** See above. */
export const keepApart = (backend: Shape, db: Database, prepare: Prepare): Shape => {
  const { features } = backend.capabilities
  const mine = (kind: Kind, id: string): Effect.Effect<void, ResourceNotFound> =>
    Effect.flatMap(tenant, (who) =>
      isOwned(db, who, kind, id) ? Effect.void : Effect.fail(new ResourceNotFound({ resource: kind, id }))
    )
  const devbox = <A, E>(id: DevboxId, call: Effect.Effect<A, E>) => Effect.andThen(mine("devbox", id), call)
  // What the backend does not have it refuses itself, whatever it is asked about.
  const hasSnapshots = features.has("snapshot")
  const snapshot = <A, E>(id: SnapshotId, call: Effect.Effect<A, E>) =>
    hasSnapshots ? Effect.andThen(mine("snapshot", id), call) : call
  const owning = (kind: Kind) => (item: Stamped) => Effect.map(tenant, (who) => own(db, who, kind, item.id))
  const devboxes = pagesOf(features.has("metadataFilter"), (query) => backend.list(query))
  const snapshots = pagesOf(features.has("metadataFilter"), (query) => backend.listSnapshots(query))
  const theirs = Effect.map(tenant, (who) => ({ [tenantKey]: who }))
  const { waitForExecution, waitForSnapshot, waitForStatus } = backend
  const apart: Everything = {
    name: backend.name,
    capabilities: backend.capabilities,
    create: (params) =>
      Effect.gen(function* () {
        if (params.snapshotId !== undefined && hasSnapshots) yield* mine("snapshot", params.snapshotId)
        const ready = yield* prepare(params)
        const info = yield* once(
          devboxes,
          (mark) =>
            backend.create(
              new CreateParams({
                ...ready,
                metadata: stamped(params.metadata, mark),
                // What the server has answered outlives it.
                ...(features.has("detached") ? { detached: true } : {})
              })
            ),
          ({ status }) => status !== "shutdown" && status !== "failure"
        )
        yield* owning("devbox")(info)
        return hideDevbox(info)
      }),
    get: (id) => Effect.map(devbox(id, backend.get(id)), hideDevbox),
    list: ({ status, ...query }) =>
      Effect.flatMap(theirs, (of) =>
        Effect.map(
          pagesOf(features.has("metadataFilter"), (page) => backend.list({ ...page, status }))(query, of),
          ({ hasMore, items }) => ({ items: items.map(hideDevbox), hasMore })
        )
      ),
    update: (id, { metadata, name }) =>
      Effect.gen(function* () {
        yield* mine("devbox", id)
        if (metadata === undefined) return hideDevbox(yield* backend.update(id, { name }))
        const before = yield* backend.get(id)
        return hideDevbox(yield* backend.update(id, { name, metadata: stamped(metadata, stampOf(before.metadata)) }))
      }),
    suspend: (id) => Effect.map(devbox(id, backend.suspend(id)), hideDevbox),
    resume: (id) => Effect.map(devbox(id, backend.resume(id)), hideDevbox),
    shutdown: (id, options) => Effect.map(devbox(id, backend.shutdown(id, options)), hideDevbox),
    keepAlive: (id) => devbox(id, backend.keepAlive(id)),
    usage: (id) => devbox(id, backend.usage(id)),
    logs: (id, filter) => devbox(id, backend.logs(id, filter)),
    notices: Stream.unwrap(
      Effect.map(tenant, (who) =>
        Stream.filter(backend.notices, ({ devboxId }) => isOwned(db, who, "devbox", devboxId))
      )
    ),
    startSnapshot: (id, params) =>
      Effect.gen(function* () {
        yield* mine("devbox", id)
        const info = yield* once(snapshots, (mark) =>
          backend.startSnapshot(id, new SnapshotParams({ ...params, metadata: stamped(params.metadata, mark) }))
        )
        yield* owning("snapshot")(info)
        return hideSnapshot(info)
      }),
    getSnapshot: (id) => Effect.map(snapshot(id, backend.getSnapshot(id)), hideState),
    listSnapshots: ({ devboxId, ...query }) =>
      Effect.flatMap(theirs, (of) =>
        Effect.map(
          pagesOf(features.has("metadataFilter"), (page) => backend.listSnapshots({ ...page, devboxId }))(query, of),
          ({ hasMore, items }) => ({ items: items.map(hideSnapshot), hasMore })
        )
      ),
    updateSnapshot: (id, params) =>
      Effect.gen(function* () {
        yield* mine("snapshot", id)
        if (params.metadata === undefined) return hideSnapshot(yield* backend.updateSnapshot(id, params))
        const before = (yield* backend.getSnapshot(id)).snapshot?.metadata ?? (yield* theirs)
        const metadata = stamped(params.metadata, stampOf(before))
        return hideSnapshot(yield* backend.updateSnapshot(id, new SnapshotParams({ ...params, metadata })))
      }),
    deleteSnapshot: (id) => snapshot(id, backend.deleteSnapshot(id)),
    startExecution: (id, params) => devbox(id, backend.startExecution(id, params)),
    getExecution: (id, executionId, options) => devbox(id, backend.getExecution(id, executionId, options)),
    output: (id, executionId, channel, cursor) =>
      Stream.unwrap(devbox(id, Effect.succeed(backend.output(id, executionId, channel, cursor)))),
    sendStdin: (id, executionId, input) => devbox(id, backend.sendStdin(id, executionId, input)),
    kill: (id, executionId, options) => devbox(id, backend.kill(id, executionId, options)),
    openTerminal: (id, options) => Effect.andThen(mine("devbox", id), backend.openTerminal(id, options)),
    download: (id, path, options) => Stream.unwrap(devbox(id, Effect.succeed(backend.download(id, path, options)))),
    upload: (id, path, contents, options) => devbox(id, backend.upload(id, path, contents, options)),
    createSshKey: (id) => devbox(id, backend.createSshKey(id)),
    enableTunnel: (id, options) => devbox(id, backend.enableTunnel(id, options)),
    removeTunnel: (id, options) => devbox(id, backend.removeTunnel(id, options)),
    dial: (id, port) => Effect.andThen(mine("devbox", id), backend.dial(id, port)),
    fetch: (id, port, request) => devbox(id, backend.fetch(id, port, request)),
    waitForStatus:
      waitForStatus && ((id, statuses, hold) => Effect.map(devbox(id, waitForStatus(id, statuses, hold)), hideDevbox)),
    waitForExecution:
      waitForExecution &&
      ((id, executionId, hold, options) => devbox(id, waitForExecution(id, executionId, hold, options))),
    waitForSnapshot: waitForSnapshot && ((id, hold) => Effect.map(snapshot(id, waitForSnapshot(id, hold)), hideState))
  }
  return given(apart)
}
