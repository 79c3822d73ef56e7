/** Puts something around every call of a backend, by the name of the operation and without knowing what it does. */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Shape } from "../DevboxBackend.ts"
import type { BackendError } from "../DevboxError.ts"

/** An operation of a backend. */
export type Operation = Exclude<keyof Shape, "name" | "capabilities">

/** A call that is about to be made. */
export interface Call {
  readonly operation: Operation
  readonly args: ReadonlyArray<unknown>
}

/** What is put around calls. `run` makes the call, each time it is run. */
export interface Interceptor {
  readonly effect: <A, E, R>(call: Call, run: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BackendError, R>
  readonly stream: <A, E, R>(call: Call, run: Stream.Stream<A, E, R>) => Stream.Stream<A, E | BackendError, R>
}

/** The backend with an interceptor around every operation. */
export const intercept = (backend: Shape, by: Interceptor): Shape => {
  const effect =
    <Args extends ReadonlyArray<unknown>, A, E, R>(
      operation: Operation,
      run: (...args: Args) => Effect.Effect<A, E, R>
    ) =>
    (...args: Args): Effect.Effect<A, E | BackendError, R> =>
      by.effect({ operation, args }, run(...args))
  const stream =
    <Args extends ReadonlyArray<unknown>, A, E, R>(
      operation: Operation,
      run: (...args: Args) => Stream.Stream<A, E, R>
    ) =>
    (...args: Args): Stream.Stream<A, E | BackendError, R> =>
      by.stream({ operation, args }, run(...args))
  const { waitForExecution, waitForSnapshot, waitForStatus } = backend
  return {
    name: backend.name,
    capabilities: backend.capabilities,
    create: effect("create", backend.create),
    get: effect("get", backend.get),
    list: effect("list", backend.list),
    update: effect("update", backend.update),
    suspend: effect("suspend", backend.suspend),
    resume: effect("resume", backend.resume),
    shutdown: effect("shutdown", backend.shutdown),
    keepAlive: effect("keepAlive", backend.keepAlive),
    usage: effect("usage", backend.usage),
    logs: effect("logs", backend.logs),
    notices: by.stream({ operation: "notices", args: [] }, backend.notices),
    startSnapshot: effect("startSnapshot", backend.startSnapshot),
    getSnapshot: effect("getSnapshot", backend.getSnapshot),
    listSnapshots: effect("listSnapshots", backend.listSnapshots),
    updateSnapshot: effect("updateSnapshot", backend.updateSnapshot),
    deleteSnapshot: effect("deleteSnapshot", backend.deleteSnapshot),
    startExecution: effect("startExecution", backend.startExecution),
    getExecution: effect("getExecution", backend.getExecution),
    output: stream("output", backend.output),
    sendStdin: effect("sendStdin", backend.sendStdin),
    kill: effect("kill", backend.kill),
    openTerminal: effect("openTerminal", backend.openTerminal),
    download: stream("download", backend.download),
    upload: (id, path, contents, options) =>
      by.effect({ operation: "upload", args: [id, path, options] }, backend.upload(id, path, contents, options)),
    createSshKey: effect("createSshKey", backend.createSshKey),
    enableTunnel: effect("enableTunnel", backend.enableTunnel),
    removeTunnel: effect("removeTunnel", backend.removeTunnel),
    dial: effect("dial", backend.dial),
    fetch: effect("fetch", backend.fetch),
    ...(waitForStatus === undefined ? {} : { waitForStatus: effect("waitForStatus", waitForStatus) }),
    ...(waitForExecution === undefined ? {} : { waitForExecution: effect("waitForExecution", waitForExecution) }),
    ...(waitForSnapshot === undefined ? {} : { waitForSnapshot: effect("waitForSnapshot", waitForSnapshot) })
  }
}
