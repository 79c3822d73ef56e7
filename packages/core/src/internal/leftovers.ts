/** A look at a backend: what lives in it, and what lives in it that did not before. Reads only, and retries nothing. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Page, Shape } from "../DevboxBackend.ts"
import type { BackendError } from "../DevboxError.ts"
import type { DevboxId, DevboxInfo } from "../DevboxModel.ts"
import type { ExecutionId } from "../Execution.ts"

/** Something that lives. */
export interface Living {
  readonly resource: "devbox" | "execution" | "snapshot" | "tunnel"
  readonly id: string
  /** What the backend says of it. */
  readonly state: string
}

/** A command that was started at some time. */
export interface Started {
  readonly devboxId: DevboxId
  readonly executionId: ExecutionId
}

const all = <A extends { readonly id: string }>(
  page: (startingAfter: string | undefined) => Effect.Effect<Page<A>, BackendError>
): Effect.Effect<ReadonlyArray<A>, BackendError> =>
  Stream.runCollect(
    Stream.paginate(undefined as string | undefined, (startingAfter) =>
      Effect.map(page(startingAfter), ({ hasMore, items }) => {
        const last = items.at(-1)?.id
        return [items, hasMore && last !== undefined ? Option.some(last) : Option.none<string>()] as const
      })
    )
  )

const isOver = (info: DevboxInfo): boolean => info.status === "shutdown" || info.status === "failure"

const execution = (
  backend: Shape,
  { devboxId, executionId }: Started
): Effect.Effect<ReadonlyArray<Living>, BackendError> =>
  backend.getExecution(devboxId, executionId).pipe(
    Effect.map((info) =>
      info.status === "completed" ? [] : [{ resource: "execution" as const, id: executionId, state: info.status }]
    ),
    // A command that nobody knows does not run.
    Effect.catchTag("ResourceNotFound", () => Effect.succeed([]))
  )

/** Everything that lives in a backend; of commands, which no backend lists, those among `started` that still run. */
export const look = (
  backend: Shape,
  started: ReadonlyArray<Started> = []
): Effect.Effect<ReadonlyArray<Living>, BackendError> =>
  Effect.gen(function* () {
    const boxes = (yield* all((startingAfter) => backend.list({ limit: 100, startingAfter }))).filter(
      (info) => !isOver(info)
    )
    const living: Array<Living> = []
    for (const info of boxes) {
      living.push({ resource: "devbox", id: info.id, state: info.status })
      if (info.tunnel !== undefined) {
        living.push({ resource: "tunnel", id: `${info.id}/${info.tunnel.tunnelKey}`, state: "open" })
      }
    }
    const alive = new Set(boxes.map(({ id }) => id))
    for (const each of started) if (alive.has(each.devboxId)) living.push(...(yield* execution(backend, each)))
    if (backend.capabilities.features.has("snapshot")) {
      const snapshots = yield* all((startingAfter) => backend.listSnapshots({ limit: 100, startingAfter }))
      for (const { id } of snapshots) {
        const { status } = yield* Effect.catchTag(backend.getSnapshot(id), "ResourceNotFound", () =>
          Effect.succeed({ status: "deleted" })
        )
        if (status === "in_progress" || status === "complete") living.push({ resource: "snapshot", id, state: status })
      }
    }
    return living
  })

/** What lives now and did not before. */
export const leftovers = (before: ReadonlyArray<Living>, now: ReadonlyArray<Living>): ReadonlyArray<Living> => {
  const known = new Set(before.map(({ id, resource }) => `${resource} ${id}`))
  return now.filter(({ id, resource }) => !known.has(`${resource} ${id}`))
}

/** A line about something that lives. */
export const format = ({ id, resource, state }: Living): string => `${resource} ${id} (${state})`
