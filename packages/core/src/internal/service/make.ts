/** `DevboxService` from a backend: each operation named once, with its span; what it does is in the files beside this one. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Shape } from "../../DevboxBackend.ts"
import type { AttachOptions, CreateOptions, Devbox } from "../../DevboxHandle.ts"
import { DevboxId, SnapshotId } from "../../DevboxModel.ts"
import type { ExecutionId } from "../../Execution.ts"
import type { Interface } from "../../DevboxService.ts"
import { give } from "../give.ts"
import { bindDevbox, bindExecution, bindSnapshot } from "../handle.ts"
import { pages } from "../pages.ts"
import { release } from "../release.ts"
import { idempotent, keyed } from "../retry.ts"
import { withSpan } from "../spans.ts"
import { waking } from "../waking.ts"
import * as Create from "./create.ts"
import * as Executions from "./executions.ts"
import * as Files from "./files.ts"
import { fork } from "./fork.ts"
import { deadMan, keepAliveWhile, renew } from "./lifeline.ts"
import * as Network from "./network.ts"
import * as Ports from "./ports.ts"
import { notices } from "./notices.ts"
import { hideSnapshotStamp, hideStamp, keepStamp } from "./ownership.ts"
import { openPty } from "./pty.ts"
import * as Snapshots from "./snapshots.ts"
import { awaitSnapshot, awaitStatus } from "./waits.ts"

/** Builds the service; see `DevboxService`. */
export const makeService = (backend: Shape): Interface => {
  const span = (name: string, attributes: Record<string, string | undefined> = {}) =>
    withSpan(`DevboxService.${name}`, { backend: backend.name, ...attributes })
  const on = (name: string, id: string) => span(name, { "devbox.id": id })

  let awake: Interface | undefined
  const attach = (id: DevboxId | string, options: AttachOptions = {}): Devbox => {
    if (options.autoResume !== true) return bindDevbox(service, backend, DevboxId.make(id))
    awake ??= makeService(waking(backend))
    return awake.attach(id)
  }

  const running = (info: { readonly id: DevboxId; readonly status: string }, options: CreateOptions) =>
    info.status === "running" ? Effect.void : Effect.asVoid(awaitStatus(backend, info.id, "running", options))

  const create: Interface["create"] = (options = {}) =>
    Effect.uninterruptibleMask((restore) => {
      const limit = deadMan(backend, options)
      const bounded = limit === undefined ? options : { ...options, keepAliveTime: limit }
      // The finalizer is in place before anything can fail, time out or be interrupted.
      return Effect.acquireRelease(Create.request(backend, bounded, false, restore), (info) =>
        release(backend, info.id)
      ).pipe(
        Effect.tap((info) => restore(running(info, options))),
        Effect.tap((info) => (limit === undefined ? Effect.void : renew(backend, info.id, limit))),
        Effect.map((info) => attach(info.id, options))
      )
    }).pipe(span("create"))

  const createDetached: Interface["createDetached"] = (options = {}) =>
    give(({ restore, undoBy }) =>
      Effect.flatMap(Create.request(backend, options, true, restore), (info) => {
        undoBy(release(backend, info.id))
        return Effect.as(restore(running(info, options)), attach(info.id, options))
      }).pipe(span("createDetached"))
    )

  const service: Interface = {
    backend: backend.name,
    capabilities: backend.capabilities,
    create,
    createDetached,
    attach,
    list: (filter = {}) =>
      Stream.map(
        pages(backend, filter.metadata, (cursor) => backend.list({ ...filter, ...cursor })),
        hideStamp
      ),
    getInfo: (id) => idempotent(backend.get(id)).pipe(Effect.map(hideStamp), on("getInfo", id)),
    update: (id, change) =>
      Effect.gen(function* () {
        const { metadata } = change
        const kept = metadata === undefined ? undefined : keepStamp(yield* idempotent(backend.get(id)), metadata)
        return hideStamp(yield* keyed(backend.update(id, { name: change.name, metadata: kept })))
      }).pipe(on("update", id)),
    awaitRunning: (id, options) => awaitStatus(backend, id, "running", options).pipe(on("awaitRunning", id)),
    awaitSuspended: (id, options) => awaitStatus(backend, id, "suspended", options).pipe(on("awaitSuspended", id)),
    suspend: (id) => keyed(backend.suspend(id)).pipe(Effect.map(hideStamp), on("suspend", id)),
    resume: (id) => keyed(backend.resume(id)).pipe(Effect.map(hideStamp), on("resume", id)),
    shutdown: (id, options) => keyed(backend.shutdown(id, options)).pipe(Effect.map(hideStamp), on("shutdown", id)),
    keepAlive: (id) => keyed(backend.keepAlive(id)).pipe(on("keepAlive", id)),
    usage: (id) => idempotent(backend.usage(id)).pipe(on("usage", id)),
    logs: (id, filter) => idempotent(backend.logs(id, filter)).pipe(on("logs", id)),
    keepAliveWhile: (id, effect, options) => keepAliveWhile(backend, id, effect, options),
    notices: notices(backend),

    snapshotDisk: (id, options = {}) =>
      give((giving) =>
        Snapshots.take(backend, id, options, giving).pipe(
          Effect.map((info) => service.attachSnapshot(info.id)),
          on("snapshotDisk", id)
        )
      ),
    snapshotDiskAsync: (id, options = {}) =>
      give((giving) =>
        Snapshots.start(backend, id, options, giving).pipe(
          Effect.map((info) => service.attachSnapshot(info.id)),
          on("snapshotDiskAsync", id)
        )
      ),
    attachSnapshot: (id) => bindSnapshot(service, SnapshotId.make(id)),
    getSnapshot: (id) => Snapshots.get(backend, id).pipe(span("getSnapshot", { "snapshot.id": id })),
    awaitSnapshot: (id, options) =>
      awaitSnapshot(backend, id, options).pipe(
        Effect.map(hideSnapshotStamp),
        span("awaitSnapshot", { "snapshot.id": id })
      ),
    updateSnapshot: (id, options) =>
      keyed(backend.updateSnapshot(id, Snapshots.toParams(options))).pipe(
        Effect.map(hideSnapshotStamp),
        span("updateSnapshot", { "snapshot.id": id })
      ),
    deleteSnapshot: (id) => keyed(backend.deleteSnapshot(id)).pipe(span("deleteSnapshot", { "snapshot.id": id })),
    listSnapshots: (filter = {}) => Snapshots.list(backend, filter),
    fork: (id, count, options = {}) => fork(backend, id, count, options, create).pipe(on("fork", id)),

    exec: (id, command, options) => Executions.exec(backend, id, command, options).pipe(on("exec", id)),
    execOrFail: (id, command, options) =>
      Executions.execOrFail(backend, id, command, options).pipe(on("execOrFail", id)),
    execAsync: (id, command, options) =>
      Executions.startScoped(backend, id, command, options).pipe(
        Effect.map((info) => bindExecution(service, backend, id, info.executionId)),
        on("execAsync", id)
      ),
    execDetached: (id, command, options) =>
      give((giving) =>
        Executions.startDetached(backend, id, command, options, giving).pipe(
          Effect.map((info) => bindExecution(service, backend, id, info.executionId)),
          on("execDetached", id)
        )
      ),
    attachExecution: (id, executionId) => bindExecution(service, backend, id, executionId),
    getExecution: (id, executionId) =>
      idempotent(backend.getExecution(id, executionId)).pipe(execution("getExecution", id, executionId)),
    kill: (id, executionId, options) =>
      Executions.kill(backend, id, executionId, options).pipe(execution("kill", id, executionId)),
    pty: (id, options) => openPty(backend, id, options).pipe(on("pty", id)),

    readFile: (id, path) => Files.read(backend, id, path).pipe(on("readFile", id)),
    writeFile: (id, path, contents) => Files.write(backend, id, path, contents).pipe(on("writeFile", id)),
    upload: (id, path, contents, options) => Files.upload(backend, id, path, contents, options).pipe(on("upload", id)),
    download: (id, path) => Files.download(backend, id, path).pipe(on("download", id)),
    downloadStream: (id, path) => Files.downloadStream(backend, id, path),

    createSshKey: (id) => keyed(backend.createSshKey(id)).pipe(on("createSshKey", id)),
    sshConfig: (id, options) => Network.sshConfig(backend, id, options).pipe(on("sshConfig", id)),
    enableTunnel: (id, options) => Network.enableTunnel(backend, id, options).pipe(on("enableTunnel", id)),
    getTunnel: (id) => Network.getTunnel(backend, id).pipe(on("getTunnel", id)),
    createTunnel: (id, port) => Network.createTunnel(backend, id, port).pipe(on("createTunnel", id)),
    removeTunnel: (id, port) => Network.removeTunnel(backend, id, port).pipe(on("removeTunnel", id)),
    dial: (id, port) => Ports.dial(backend, id, port).pipe(on("dial", id)),
    awaitPort: (id, port, options) => Ports.awaitPort(backend, id, port, options).pipe(on("awaitPort", id)),
    fetch: (id, port, request) => Ports.fetch(backend, id, port, request).pipe(on("fetch", id))
  }
  const execution = (name: string, id: DevboxId, executionId: ExecutionId) =>
    span(name, { "devbox.id": id, "execution.id": executionId })
  return service
}
