/** Backends that are broken in their lives: each must be found out by random lives. */
import { Conflict, DevboxNotReady, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import { CreateParams, type DevboxId, type SnapshotId } from "@effect-devbox/core/DevboxModel"
import type { Shape } from "@effect-devbox/core/DevboxBackend"
import { SnapshotState } from "@effect-devbox/core/Snapshot"
import { Effect, Stream } from "effect"
import { aside, infos } from "../conformance/mutants/mutant.ts"

/** A backend that is broken, and where it is found out. */
export interface Mutant {
  readonly is: string
  readonly way?: "at once" | "step by step"
  readonly breaks: (sound: Shape) => Shape
}

const mutant = (is: string, breaks: (sound: Shape) => Partial<Shape>, way?: Mutant["way"]): Mutant => ({
  is,
  breaks: (sound) => ({ ...sound, ...breaks(sound) }),
  ...(way === undefined ? {} : { way })
})

/** See above. */
export const mutants: ReadonlyArray<Mutant> = [
  mutant("loses the disk in a suspension", (b) => ({
    resume: (id) => Effect.tap(b.resume(id), () => aside(b, id, "rm -f f0 f1 f2"))
  })),
  mutant("refuses to suspend twice", (b) => ({
    suspend: (id) =>
      Effect.flatMap(b.get(id), ({ status }) =>
        status === "suspended"
          ? Effect.fail(new DevboxNotReady({ devboxId: id, status, expected: "running" }))
          : b.suspend(id)
      )
  })),
  mutant("refuses to shut down twice", (b) => {
    const over = new Set<DevboxId>()
    return {
      shutdown: (id, options) =>
        Effect.suspend(() => {
          if (over.has(id)) return Effect.fail(new ResourceNotFound({ resource: "devbox", id }))
          return Effect.tap(b.shutdown(id, options), () => Effect.sync(() => over.add(id)))
        })
    }
  }),
  mutant(
    "shuts down during a snapshot",
    (b) => ({ shutdown: (id) => b.shutdown(id, { force: true }) }),
    "step by step"
  ),
  mutant(
    "takes two snapshots at a time",
    (b) => ({
      startSnapshot: (id, params) =>
        Effect.catchTag(b.startSnapshot(id, params), "Conflict", () =>
          Effect.flatMap(Effect.orDie(b.listSnapshots({ devboxId: id, limit: 1 })), ({ items }) =>
            Effect.succeed(items[0]!)
          )
        )
    }),
    "step by step"
  ),
  mutant("says conflict after a snapshot is complete", (b) => {
    const had = new Set<DevboxId>()
    return {
      startSnapshot: (id, params) =>
        had.has(id)
          ? Effect.fail(new Conflict({ devboxId: id, detail: "still" }))
          : Effect.tap(b.startSnapshot(id, params), () => Effect.sync(() => had.add(id)))
    }
  }),
  mutant("restores the newest snapshot, whichever was asked for", (b) => {
    let newest: SnapshotId | undefined
    return {
      startSnapshot: (id, params) =>
        Effect.tap(b.startSnapshot(id, params), (info) => Effect.sync(() => void (newest = info.id))),
      create: (params) =>
        b.create(
          params.snapshotId === undefined || newest === undefined
            ? params
            : new CreateParams({ ...params, snapshotId: newest })
        )
    }
  }),
  mutant("restores what was deleted", (b) => {
    let kept: SnapshotId | undefined
    return {
      deleteSnapshot: (id) =>
        Effect.suspend(() => {
          if (kept !== undefined && kept !== id) return b.deleteSnapshot(id)
          kept = id
          return Effect.void
        }),
      getSnapshot: (id) => (id === kept ? Effect.succeed(new SnapshotState({ status: "deleted" })) : b.getSnapshot(id)),
      listSnapshots: (query) =>
        Effect.map(b.listSnapshots(query), (page) => ({ ...page, items: page.items.filter(({ id }) => id !== kept) }))
    }
  }),
  mutant("does not keep alive", (b) => ({
    keepAlive: (id) =>
      Effect.flatMap(b.get(id), ({ status }) => (status === "shutdown" ? b.keepAlive(id) : Effect.void))
  })),
  mutant("keeps alive what is over", (b) => ({
    keepAlive: (id) => Effect.catchTag(b.keepAlive(id), "DevboxNotReady", () => Effect.void)
  })),
  mutant("has a keep-alive time of its own", (b) => ({
    create: (params) => {
      const { launchParameters: _, ...rest } = params
      return b.create(new CreateParams(rest))
    }
  })),
  mutant("takes a look for activity", (b) => ({
    get: (id) => Effect.tap(b.get(id), () => Effect.ignore(b.keepAlive(id)))
  })),
  mutant("tells every end as wished for", (b) =>
    infos(b, ({ shutdownReason }) => (shutdownReason === undefined ? {} : { shutdownReason: "api_shutdown" }))
  ),
  mutant("forgets how it came to be what it is", (b) =>
    infos(b, ({ stateTransitions }) => ({ stateTransitions: stateTransitions.slice(-3) }))
  ),
  mutant("merges metadata in updates of snapshots", (b) => ({
    updateSnapshot: (id, params) =>
      Effect.flatMap(b.getSnapshot(id), ({ snapshot }) =>
        b.updateSnapshot(id, {
          ...params,
          metadata: {
            ...params.metadata,
            ...(snapshot?.metadata["mark"] === undefined ? {} : { mark: snapshot.metadata["mark"] })
          }
        })
      )
  })),
  mutant(
    "lets a devbox that resumes be used",
    (b) => ({
      download: (id, path) => Stream.catchTag(b.download(id, path), "DevboxNotReady", () => Stream.empty)
    }),
    "step by step"
  ),
  mutant("shares files between what is made of one snapshot", (b) => {
    const from = new Map<DevboxId, SnapshotId>()
    const lists = new Map<SnapshotId, Array<DevboxId>>()
    return {
      create: (params) =>
        Effect.tap(b.create(params), ({ id }) =>
          Effect.sync(() => {
            if (params.snapshotId === undefined) return
            from.set(id, params.snapshotId)
            lists.set(params.snapshotId, [...(lists.get(params.snapshotId) ?? []), id])
          })
        ),
      startExecution: (id, params) =>
        Effect.tap(b.startExecution(id, params), () =>
          Effect.forEach(
            (lists.get(from.get(id) ?? ("" as SnapshotId)) ?? []).filter((other) => other !== id),
            (other) => aside(b, other, String(params.command)),
            { discard: true }
          )
        )
    }
  })
]
