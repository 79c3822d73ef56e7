/** Mutants of the life of devboxes, of the table of states, and of lists. */
import { type Shape, unsupported } from "@effect-devbox/core/DevboxBackend"
import {
  BackendError,
  Conflict,
  DevboxNotReady,
  FileError,
  InvalidRequestError,
  ResourceNotFound,
  UnavailableError
} from "@effect-devbox/core/DevboxError"
import { SshKey } from "@effect-devbox/core/Network"
import { Usage } from "@effect-devbox/core/DevboxModel"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { aside, broken, creates, executions, infos, type Mutant } from "./mutant.ts"

/** One that says it has no SSH. */
const withoutSsh = ({ capabilities }: Shape): Partial<Shape> => ({
  capabilities: { ...capabilities, features: new Set([...capabilities.features].filter((each) => each !== "ssh")) }
})

const refused = (operation: string) =>
  new BackendError({
    backend: "mutant",
    operation,
    outcome: "rejected",
    reason: new InvalidRequestError({ detail: "not today" })
  })

/** See above. */
export const lifecycle: ReadonlyArray<Mutant> = [
  broken("create-runs", "never gets beyond provisioning", (b) =>
    infos(b, ({ status }) => (status === "running" ? { status: "provisioning" } : {}))
  ),
  broken("create-runs", "says that it has ended while it runs", (b) => infos(b, () => ({ endTimeMs: 1 }))),
  broken("create-says-what-was-asked", "forgets the name", (b) => creates(b, () => ({ name: undefined }))),
  broken("create-says-what-was-asked", "forgets the metadata", (b) => creates(b, () => ({ metadata: undefined }))),
  broken("create-makes-another", "gives the same devbox to everybody", (b) => {
    let first: ReturnType<typeof b.create> | undefined
    return { create: (params) => (first ??= Effect.runSync(Effect.cached(b.create(params)))) }
  }),
  broken("create-environment", "forgets the environment", (b) =>
    creates(b, () => ({ environmentVariables: undefined }))
  ),
  broken("create-from-unknown-snapshot", "starts from scratch instead", (b) =>
    creates(b, () => ({ snapshotId: undefined }))
  ),
  broken("create-from-unknown-snapshot", "says that a devbox is missing", (b) => ({
    create: (params) =>
      Effect.catchTag(b.create(params), "ResourceNotFound", ({ id }) =>
        Effect.fail(new ResourceNotFound({ resource: "devbox", id }))
      )
  })),
  broken("transitions-tell-the-story", "tells it backwards", (b) =>
    infos(b, ({ stateTransitions }) => ({ stateTransitions: stateTransitions.toReversed() }))
  ),
  broken("transitions-tell-the-story", "leaves out the running", (b) =>
    infos(b, ({ stateTransitions }) => ({
      stateTransitions: stateTransitions.filter(({ status }) => status !== "running")
    }))
  ),
  broken("shutdown-is-final", "forgets devboxes that are over", (b) => ({
    get: (id) =>
      Effect.filterOrFail(
        b.get(id),
        ({ status }) => status !== "shutdown",
        () => new ResourceNotFound({ resource: "devbox", id })
      )
  })),
  broken("shutdown-is-final", "gives another reason", (b) =>
    infos(b, ({ shutdownReason }) => (shutdownReason === undefined ? {} : { shutdownReason: "idle" }))
  ),
  broken("shutdown-is-final", "does not say when", (b) => infos(b, () => ({ endTimeMs: undefined }))),
  broken("shutdown-is-final", "does nothing", (b) => ({ shutdown: (id) => b.get(id) })),
  broken("shutdown-twice", "refuses the second", (b) => ({
    shutdown: (id, options) =>
      Effect.flatMap(b.get(id), ({ status }) =>
        status === "shutdown"
          ? Effect.fail(new Conflict({ devboxId: id, detail: "it is shut down" }))
          : b.shutdown(id, options)
      )
  })),
  broken("shutdown-twice", "ends a second time", (b) => {
    let time = 0
    return infos(b, ({ endTimeMs }) => (endTimeMs === undefined ? {} : { endTimeMs: endTimeMs + ++time }))
  }),
  broken("shutdown-ends-commands", "goes on with them", (b) =>
    executions(b, ({ failureReason }) =>
      failureReason === "devbox_ended" ? { status: "running", failureReason: undefined } : {}
    )
  ),
  broken("shutdown-leaves-others", "ends all at once", (b) => ({
    shutdown: (id, options) =>
      Effect.gen(function* () {
        const { items } = yield* Effect.orDie(b.list({ limit: 100 }))
        for (const each of items) yield* Effect.ignore(b.shutdown(each.id, options))
        return yield* b.shutdown(id, options)
      })
  })),
  broken("keep-alive", "refuses", () => ({ keepAlive: () => Effect.fail(refused("keepAlive")) })),
  broken("keep-alive", "ends the devbox", (b) => ({ keepAlive: (id) => Effect.ignore(b.shutdown(id)) })),
  broken("update-replaces-metadata", "merges", (b) => ({
    update: (id, change) =>
      Effect.flatMap(b.get(id), ({ metadata }) =>
        b.update(
          id,
          change.metadata === undefined ? change : { ...change, metadata: { ...metadata, ...change.metadata } }
        )
      )
  })),
  broken("update-replaces-metadata", "drops the name", (b) => ({
    update: (id, change) => b.update(id, { name: "", ...change })
  })),
  broken("usage-counts", "counts more than there was", (b) => ({
    usage: (id) =>
      Effect.map(b.usage(id), (usage) => new Usage({ ...usage, totalActiveSeconds: usage.totalElapsedSeconds + 1 }))
  })),
  broken("logs-name-commands", "ignores the filter", (b) => ({ logs: (id) => b.logs(id) })),
  broken("logs-name-commands", "logs nothing", () => ({ logs: () => Effect.succeed([]) }))
]

/** See above. */
export const states: ReadonlyArray<Mutant> = [
  broken("unknown-devbox", "keeps alive what does not exist", (b) => ({
    keepAlive: (id) => Effect.catchTag(b.keepAlive(id), "ResourceNotFound", () => Effect.void)
  })),
  broken("unknown-devbox", "looks for the file first", (b) => ({
    download: (devboxId, path) =>
      Stream.catchTag(b.download(devboxId, path), "ResourceNotFound", () =>
        Stream.fail(new FileError({ devboxId, path, kind: "NotFound" }))
      )
  })),
  broken("unknown-devbox", "names another", (b) => ({
    get: (id) =>
      Effect.catchTag(b.get(id), "ResourceNotFound", () =>
        Effect.fail(new ResourceNotFound({ resource: "devbox", id: "dbx_x" }))
      )
  })),
  broken("unknown-execution", "kills what does not exist", (b) => ({
    kill: (id, executionId, options) =>
      Effect.catchTag(b.kill(id, executionId, options), "ResourceNotFound", () =>
        b.startExecution(id, { commandId: executionId, command: "true" })
      )
  })),
  broken("unknown-execution", "gives the output of what does not exist", (b) => ({
    output: (...args) =>
      Stream.catchTag(b.output(...args), "ResourceNotFound", () =>
        Stream.make({ _tag: "End" as const, stdout: 0, stderr: 0 })
      )
  })),
  broken("unknown-snapshot", "deletes what does not exist", (b) => ({
    deleteSnapshot: (id) => Effect.catchTag(b.deleteSnapshot(id), "ResourceNotFound", () => Effect.void)
  })),
  broken("over-refuses-work", "has never heard of it", (b) => ({
    download: (id, path) =>
      Stream.catchTag(b.download(id, path), "DevboxNotReady", () =>
        Stream.fail(new ResourceNotFound({ resource: "devbox", id }))
      )
  })),
  broken("over-refuses-work", "keeps it alive", (b) => ({
    keepAlive: (id) => Effect.catchTag(b.keepAlive(id), "DevboxNotReady", () => Effect.void)
  })),
  broken("over-can-be-looked-at", "has no logs any more", (b) => ({
    logs: (id, filter) =>
      Effect.flatMap(b.get(id), ({ status }) =>
        status === "shutdown" ? Effect.fail(new ResourceNotFound({ resource: "devbox", id })) : b.logs(id, filter)
      )
  })),
  broken("suspend-keeps-the-disk", "loses the disk", (b) => ({
    suspend: (id) => Effect.andThen(aside(b, id, "rm -f before.txt"), b.suspend(id))
  })),
  broken("suspend-keeps-the-disk", "does not resume", (b) => ({ resume: (id) => b.get(id) })),
  broken("suspend-ends-commands", "goes on with them", (b) =>
    executions(b, ({ failureReason }) =>
      failureReason === "devbox_ended" ? { status: "running", failureReason: undefined } : {}
    )
  ),
  broken("suspended-refuses-work", "wakes up for it", (b) => ({
    startExecution: (id, params) =>
      Effect.catchTag(b.startExecution(id, params), "DevboxNotReady", () =>
        Effect.andThen(b.resume(id), b.startExecution(id, params))
      )
  })),
  broken("suspended-refuses-work", "says that it is over", (b) => ({
    startExecution: (id, params) =>
      Effect.catchTag(b.startExecution(id, params), "DevboxNotReady", (error) =>
        Effect.fail(new DevboxNotReady({ ...error, status: "shutdown" }))
      )
  })),
  broken("suspend-twice", "refuses the second", (b) => ({
    suspend: (id) =>
      Effect.flatMap(b.get(id), ({ status }) =>
        status === "suspended"
          ? Effect.fail(new DevboxNotReady({ devboxId: id, status, expected: "running" }))
          : b.suspend(id)
      )
  })),
  broken("suspend-twice", "restarts what runs", (b) => ({
    resume: (id) =>
      Effect.flatMap(b.get(id), ({ status }) =>
        status === "running" ? Effect.andThen(b.suspend(id), b.resume(id)) : b.resume(id)
      )
  })),
  broken("suspended-can-be-shut-down", "refuses", (b) => ({
    shutdown: (id, options) =>
      Effect.flatMap(b.get(id), ({ status }) =>
        status === "suspended"
          ? Effect.fail(new Conflict({ devboxId: id, detail: "it is suspended" }))
          : b.shutdown(id, options)
      )
  })),
  broken("hold-sees-it-happen", "does not hold", (b) => ({ waitForStatus: (id) => b.get(id) })),
  broken("hold-ends", "fails when the hold ends", (b) => ({
    waitForStatus: (id, statuses, hold) =>
      Effect.filterOrFail(
        b.waitForStatus!(id, statuses, hold),
        ({ status }) => statuses.includes(status),
        () =>
          new BackendError({
            backend: "mutant",
            operation: "waitForStatus",
            outcome: "rejected",
            reason: new UnavailableError({ detail: "the hold ended" })
          })
      )
  })),
  broken("hold-ends", "holds a command until it is over", (b) => ({
    waitForExecution: (id, executionId) => b.waitForExecution!(id, executionId, Duration.hours(1))
  })),
  broken("absent-is-unsupported", "pretends", (b) => ({
    ...withoutSsh(b),
    createSshKey: (id) =>
      Effect.succeed(new SshKey({ id, sshPrivateKey: Redacted.make("none"), sshUser: "user", url: "nowhere.invalid" }))
  })),
  broken("absent-is-unsupported", "calls it a bad request", (b) => ({
    ...withoutSsh(b),
    createSshKey: () => Effect.fail(refused("createSshKey"))
  })),
  broken("absent-is-unsupported", "says so, but perhaps did something", (b) => ({
    ...withoutSsh(b),
    createSshKey: () =>
      Effect.fail(new BackendError({ ...unsupported("mutant", "createSshKey", "ssh"), outcome: "ambiguous" }))
  }))
]

/** See above. */
export const lists: ReadonlyArray<Mutant> = [
  broken("list-newest-first", "lists the oldest first", (b) => ({
    list: (query) => Effect.map(b.list(query), (page) => ({ ...page, items: page.items.toReversed() }))
  })),
  broken("list-newest-first", "lists everything twice", (b) => ({
    list: (query) =>
      Effect.map(b.list(query), (page) => ({ ...page, items: page.items.flatMap((item) => [item, item]) }))
  })),
  broken("list-pages", "gives the first page again and again", (b) => ({
    list: (query) => b.list({ ...query, startingAfter: undefined })
  })),
  broken("list-pages", "skips one between pages", (b) => ({
    list: (query) =>
      Effect.map(b.list(query), (page) =>
        query.startingAfter === undefined ? page : { ...page, items: page.items.slice(1) }
      )
  })),
  broken("list-pages", "says that the first page is the last", (b) => ({
    list: (query) => Effect.map(b.list(query), (page) => ({ ...page, hasMore: false }))
  })),
  broken("list-shows-created", "lags behind", (b) => ({
    list: (query) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const page = yield* b.list(query)
        return { ...page, items: page.items.filter(({ createTimeMs }) => createTimeMs < now - 1000) }
      })
  })),
  broken("list-by-status", "ignores the status", (b) => ({ list: (query) => b.list({ ...query, status: undefined }) })),
  broken("list-by-metadata", "wants only one of the pairs to fit", (b) => ({
    list: (query) =>
      Effect.map(b.list({ ...query, metadata: undefined, limit: 100 }), (page) => ({
        ...page,
        items: page.items.filter(({ metadata }) =>
          Object.entries(query.metadata ?? {}).some(([key, value]) => metadata[key] === value)
        )
      }))
  }))
]
