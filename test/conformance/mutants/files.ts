/** Mutants of files, of being apart, of snapshots and of the network. */
import { BackendError, FileError } from "@effect-devbox/core/DevboxError"
import type { DevboxId, SnapshotId } from "@effect-devbox/core/DevboxModel"
import { type SnapshotInfo, SnapshotParams, SnapshotState } from "@effect-devbox/core/Snapshot"
import type { Shape } from "@effect-devbox/core/DevboxBackend"
import type { ExecutionId } from "@effect-devbox/core/Execution"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { aside, broken, creates, gathered, infos, type Mutant, uploads } from "./mutant.ts"

const kinds = (b: Shape, from: FileError["kind"], to: FileError["kind"]): Partial<Shape> => {
  const change = (error: FileError) => new FileError({ ...error, kind: error.kind === from ? to : error.kind })
  return {
    download: (...args) => Stream.catchTag(b.download(...args), "FileError", (error) => Stream.fail(change(error))),
    upload: (id, path, contents, options) => {
      const failing = b.upload(id, path, contents, options)
      return Effect.mapError(failing, (error) => (error instanceof FileError ? change(error) : error))
    }
  }
}

const paths = (b: Shape, change: (path: string) => string): Partial<Shape> => ({
  download: (id, path, options) => b.download(id, change(path), options),
  upload: (id, path, contents, options) => b.upload(id, change(path), contents, options)
})

/** See above. */
export const files: ReadonlyArray<Mutant> = [
  broken("file-round-trip", "adds a newline", (b) =>
    uploads(b, (contents) => Stream.concat(contents, Stream.make(Uint8Array.of(10))))
  ),
  broken("file-round-trip", "keeps 64 KiB", (b) =>
    uploads(b, (contents) => Stream.map(contents, (bytes) => bytes.subarray(0, 65_536)))
  ),
  broken("file-round-trip", "thinks in text", (b) => ({
    download: (...args) => Stream.encodeText(Stream.decodeText(b.download(...args)))
  })),
  broken("file-in-pieces", "keeps the last piece", (b) => uploads(b, (contents) => Stream.takeRight(contents, 1))),
  broken("file-makes-folders", "does not make them", (b) => ({
    upload: (id, path, contents, options) =>
      path.includes("/b/")
        ? Effect.fail(new FileError({ devboxId: id, path, kind: "NotFound" }))
        : b.upload(id, path, contents, options)
  })),
  broken("file-paths", "takes ~ by its word", (b) => paths(b, (path) => path.replace(/^~/, "./~"))),
  broken("file-paths", "takes every path from home", (b) => paths(b, (path) => path.replace(/^\/tmp/, "tmp"))),
  broken("file-names", "trims lines", (b) => paths(b, (path) => path.split("\n")[0] ?? path)),
  broken("file-names", "encodes what it does not like, one way only", (b) => ({
    upload: (id, path, contents, options) => b.upload(id, encodeURI(path), contents, options)
  })),
  broken("file-replaces", "leaves what is longer", (b) => ({
    upload: (id, path, contents, options) =>
      Effect.gen(function* () {
        const old = yield* Effect.orElseSucceed(
          Effect.map(Stream.runCollect(b.download(id, path)), gathered),
          () => new Uint8Array()
        )
        const fresh = gathered(yield* Stream.runCollect(contents))
        return yield* b.upload(id, path, Stream.make(fresh, old.subarray(fresh.length)), options)
      })
  })),
  broken("file-keeps-mode", "makes it plain", (b) => ({
    upload: (id, path, contents, options) =>
      Effect.tap(b.upload(id, path, contents, options), () => aside(b, id, `chmod 644 ${path}`))
  })),
  broken("file-keeps-mode", "makes it executable", (b) => ({
    upload: (id, path, contents, options) =>
      Effect.tap(b.upload(id, path, contents, options), () => aside(b, id, `chmod 755 ${path}`))
  })),
  broken("file-and-commands", "has two disks", (b) => paths(b, (path) => `/tmp/other/${path}`)),
  broken("file-not-found", "finds it empty", (b) => ({
    download: (...args) => Stream.catchTag(b.download(...args), "FileError", () => Stream.empty)
  })),
  broken("file-not-found", "does not know why", (b) => kinds(b, "NotFound", "Unknown")),
  broken("file-not-found", "names another path", (b) => ({
    download: (...args) =>
      Stream.catchTag(b.download(...args), "FileError", (error) =>
        Stream.fail(new FileError({ ...error, path: "elsewhere" }))
      )
  })),
  broken("file-is-a-folder", "finds it missing", (b) => kinds(b, "IsDirectory", "NotFound")),
  broken("file-is-a-folder", "replaces it", (b) => ({
    upload: (id, path, contents, options) =>
      Effect.andThen(
        path === "folder" ? aside(b, id, "rm -r folder") : Effect.void,
        b.upload(id, path, contents, options)
      )
  })),
  broken("file-is-no-folder", "finds it missing", (b) => kinds(b, "NotADirectory", "NotFound")),
  broken("file-is-no-folder", "replaces it", (b) => ({
    upload: (id, path, contents, options) =>
      Effect.andThen(
        path === "plain/inside" ? aside(b, id, "rm plain") : Effect.void,
        b.upload(id, path, contents, options)
      )
  })),
  broken("file-no-path", "finds it missing", (b) => kinds(b, "InvalidPath", "NotFound")),
  broken("file-no-path", "cuts at the NUL", (b) => paths(b, (path) => path.split("\0")[0]!)),
  broken("file-stream-fails", "is content with what came", (b) =>
    uploads(b, (contents) => Stream.catchCause(contents, () => Stream.empty))
  ),
  broken("file-left-early", "takes the file with it", (b) => ({
    download: (id, path, options) =>
      Stream.ensuring(b.download(id, path, options), Effect.ignore(aside(b, id, `rm ${path}`)))
  }))
]

/** Every devbox that was made, for mutants that mix them up. */
const remembering = (b: Shape, ids: Array<DevboxId>): Partial<Shape> => ({
  create: (params) => Effect.tap(b.create(params), ({ id }) => Effect.sync(() => void ids.push(id)))
})

/** See above. */
export const isolation: ReadonlyArray<Mutant> = [
  broken("apart-files", "writes to all", (b) => {
    const ids: Array<DevboxId> = []
    return {
      ...remembering(b, ids),
      upload: (id, path, contents, options) =>
        Effect.gen(function* () {
          const bytes = gathered(yield* Stream.runCollect(contents))
          for (const other of ids) yield* Effect.ignore(b.upload(other, path, Stream.make(bytes), options))
          return yield* b.upload(id, path, Stream.make(bytes), options)
        })
    }
  }),
  broken("apart-tmp", "has one for all", (b) => {
    const shared = new Map<string, Uint8Array>()
    return {
      upload: (id, path, contents, options) =>
        Effect.gen(function* () {
          const bytes = gathered(yield* Stream.runCollect(contents))
          if (path.startsWith("/tmp/")) shared.set(path, bytes)
          return yield* b.upload(id, path, Stream.make(bytes), options)
        }),
      download: (id, path, options) => {
        const bytes = shared.get(path)
        return bytes === undefined ? b.download(id, path, options) : Stream.make(bytes)
      }
    }
  }),
  broken("apart-shells", "runs shells of one name in one devbox", (b) => {
    const homes = new Map<string, DevboxId>()
    return {
      startExecution: (id, params) => {
        const home = params.shell === undefined ? id : (homes.get(params.shell) ?? id)
        if (params.shell !== undefined) homes.set(params.shell, home)
        return b.startExecution(home, params)
      }
    }
  }),
  broken("apart-commands", "knows the commands of all", (b) => {
    const homes = new Map<ExecutionId, DevboxId>()
    return {
      startExecution: (id, params) => {
        homes.set(params.commandId, id)
        return b.startExecution(id, params)
      },
      getExecution: (id, executionId, options) => b.getExecution(homes.get(executionId) ?? id, executionId, options)
    }
  }),
  broken("apart-commands", "takes one id for one command everywhere", (b) => {
    const homes = new Map<ExecutionId, DevboxId>()
    return {
      startExecution: (id, params) => {
        const home = homes.get(params.commandId) ?? id
        homes.set(params.commandId, home)
        return home === id ? b.startExecution(id, params) : b.startExecution(id, { ...params, command: "true" })
      }
    }
  })
]

const snapshotStates = (b: Shape, change: (state: SnapshotState) => Partial<SnapshotState>): Partial<Shape> => ({
  getSnapshot: (id) => Effect.map(b.getSnapshot(id), (state) => new SnapshotState({ ...state, ...change(state) }))
})

/** See above. */
export const snapshots: ReadonlyArray<Mutant> = [
  broken("snapshot-completes", "never completes", (b) =>
    snapshotStates(b, ({ status }) => (status === "complete" ? { status: "in_progress" } : {}))
  ),
  broken("snapshot-completes", "forgets the metadata", (b) => ({
    startSnapshot: (id, params) => b.startSnapshot(id, new SnapshotParams({ ...params, metadata: {} }))
  })),
  broken("snapshot-completes", "lists none", () => ({
    listSnapshots: () => Effect.succeed({ items: [], hasMore: false })
  })),
  broken("snapshot-is-an-instant", "has nothing in it", (b) => creates(b, () => ({ snapshotId: undefined }))),
  broken("snapshot-is-an-instant", "has what came later", (b) => ({
    create: (params) =>
      Effect.tap(b.create(params), ({ id }) =>
        params.snapshotId === undefined
          ? Effect.void
          : Effect.repeat(Effect.exit(b.upload(id, "later.txt", Stream.make(new Uint8Array(1)))), {
              until: ({ _tag }) => _tag === "Success",
              schedule: Schedule.spaced("10 millis")
            })
      )
  })),
  broken("snapshot-is-an-instant", "does not say what it was made from", (b) =>
    infos(b, () => ({ snapshotId: undefined }))
  ),
  broken("snapshot-copies-are-apart", "writes to all copies", (b) => {
    const ids: Array<DevboxId> = []
    return {
      ...remembering(b, ids),
      upload: (id, path, contents, options) =>
        Effect.gen(function* () {
          const bytes = gathered(yield* Stream.runCollect(contents))
          for (const other of ids) yield* Effect.ignore(b.upload(other, path, Stream.make(bytes), options))
          return yield* b.upload(id, path, Stream.make(bytes), options)
        })
    }
  }),
  broken("snapshot-outlives-its-devbox", "goes with it", (b) => {
    const taken = new Map<DevboxId, SnapshotId>()
    return {
      startSnapshot: (id, params) =>
        Effect.tap(b.startSnapshot(id, params), (info) => Effect.sync(() => void taken.set(id, info.id))),
      shutdown: (id, options) => {
        const mine = taken.get(id)
        return Effect.andThen(
          mine === undefined ? Effect.void : Effect.ignore(b.deleteSnapshot(mine)),
          b.shutdown(id, options)
        )
      }
    }
  }),
  broken("snapshot-deleted", "keeps it", () => ({ deleteSnapshot: () => Effect.void })),
  broken("snapshot-deleted", "still lists it", (b) => {
    let all: ReadonlyArray<SnapshotInfo> = []
    return {
      startSnapshot: (id, params) =>
        Effect.tap(b.startSnapshot(id, params), (info) => Effect.sync(() => void (all = [...all, info]))),
      listSnapshots: () => Effect.sync(() => ({ items: all, hasMore: false }))
    }
  }),
  broken("snapshot-update", "merges", (b) => ({
    updateSnapshot: (id, params) =>
      Effect.flatMap(b.getSnapshot(id), ({ snapshot }) =>
        b.updateSnapshot(id, new SnapshotParams({ ...params, metadata: { ...snapshot?.metadata, ...params.metadata } }))
      )
  })),
  broken("snapshot-update", "drops the name", (b) => ({
    updateSnapshot: (id, params) => b.updateSnapshot(id, new SnapshotParams({ name: "", ...params }))
  }))
]

/** See above. */
export const network: ReadonlyArray<Mutant> = [
  broken("dial-refused", "listens everywhere", () => ({
    dial: () => Effect.succeed({ readable: Stream.empty, writable: Sink.drain })
  })),
  broken("dial-refused", "is not sure", (b) => ({
    dial: (id, port) =>
      Effect.catchTag(b.dial(id, port), "BackendError", (error) =>
        Effect.fail(new BackendError({ ...error, outcome: "ambiguous" }))
      )
  })),
  broken("dial-carries-bytes", "loses the first byte", (b) => ({
    dial: (id, port) =>
      Effect.map(b.dial(id, port), (connection) => ({
        ...connection,
        readable: Stream.map(connection.readable, (bytes) => bytes.subarray(1))
      }))
  })),
  broken("dial-carries-bytes", "does not end", (b) => ({
    dial: (id, port) =>
      Effect.map(b.dial(id, port), (connection) => ({
        ...connection,
        readable: Stream.concat(connection.readable, Stream.never)
      }))
  })),
  broken("dial-talks", "waits for the end", (b) => ({
    dial: (id, port) =>
      Effect.map(b.dial(id, port), (connection) => ({
        ...connection,
        writable: Sink.mapEffect(Sink.collect<Uint8Array>(), (parts) =>
          Stream.run(Stream.fromIterable(parts), connection.writable)
        )
      }))
  })),
  broken("dial-ends-with-scope", "keeps it open", (b) => ({
    dial: (id, port) => Effect.flatMap(Scope.make(), (scope) => Scope.provide(b.dial(id, port), scope))
  }))
]
