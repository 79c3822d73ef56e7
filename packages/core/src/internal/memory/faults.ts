/**
 * A backend that writes down its calls and fails on demand. It wraps every operation by its name and knows nothing of what
 * the operations do.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { RequestKey, type Shape } from "../../DevboxBackend.ts"
import { BackendError, type BackendReason, TransportError } from "../../DevboxError.ts"
import type { OutputEvent } from "../../Execution.ts"

/** An operation of a backend. */
export type Operation = Exclude<keyof Shape, "name" | "capabilities" | "notices">

/** A call that was made. */
export interface Call {
  readonly operation: Operation
  readonly args: ReadonlyArray<unknown>
  readonly atMs: number
  readonly requestKey: string | undefined
}

/** What goes wrong with the next calls of an operation. */
export type Fault =
  /** The call fails and nothing was done. */
  | { readonly _tag: "Fail"; readonly reason: BackendReason; readonly shouldRetry?: boolean | undefined }
  /** The call is carried out and its answer is lost: it fails in doubt. */
  | { readonly _tag: "LoseReply" }
  /** The call is not answered until it is interrupted. */
  | { readonly _tag: "Stall" }
  /** Output: the connection breaks after so many bytes; with `silently` it just ends. */
  | { readonly _tag: "Cut"; readonly bytes: number; readonly silently: boolean }

/** The faults still to come, by operation, in order. */
export type Faults = Map<Operation, Array<Fault>>

/** What {@link wrap} writes to and reads from. */
export interface Record {
  readonly calls: Array<Call>
  readonly faults: Faults
  readonly remembered: number
}

const cut = <E>(stream: Stream.Stream<OutputEvent, E>, bytes: number, end: Stream.Stream<never, BackendError>) =>
  Stream.suspend(() => {
    let left = bytes
    return stream.pipe(
      Stream.takeWhile(() => left > 0),
      Stream.filter((event) => event._tag === "Chunk"),
      Stream.map((chunk) => {
        const kept = chunk.bytes.subarray(0, left)
        left -= kept.length
        return { ...chunk, bytes: kept, end: chunk.start + kept.length }
      }),
      Stream.takeUntil(() => left <= 0),
      Stream.concat(end)
    )
  })

/** See above. */
export const wrap = (backend: Shape, record: Record): Shape => {
  const broken = (
    operation: Operation,
    reason: BackendReason,
    outcome: "rejected" | "ambiguous",
    shouldRetry?: boolean
  ) =>
    new BackendError({
      backend: backend.name,
      operation,
      reason,
      outcome,
      ...(shouldRetry === undefined ? {} : { shouldRetry })
    })
  const lost = (operation: Operation, outcome: "rejected" | "ambiguous") =>
    broken(operation, new TransportError({ detail: "the connection broke, as the test asked" }), outcome)

  /** Notes the call and takes the fault that is due. */
  const enter = (operation: Operation, args: ReadonlyArray<unknown>): Effect.Effect<Fault | undefined> =>
    Effect.gen(function* () {
      const atMs = yield* Clock.currentTimeMillis
      record.calls.push({ operation, args, atMs, requestKey: yield* RequestKey })
      if (record.calls.length > record.remembered) record.calls.shift()
      return record.faults.get(operation)?.shift()
    })

  const effect =
    <Args extends ReadonlyArray<unknown>, A, E, R>(
      operation: Operation,
      call: (...args: Args) => Effect.Effect<A, E, R>
    ) =>
    (...args: Args): Effect.Effect<A, E | BackendError, R> =>
      Effect.flatMap(enter(operation, args), (fault): Effect.Effect<A, E | BackendError, R> => {
        switch (fault?._tag) {
          case "Fail":
            return Effect.fail(broken(operation, fault.reason, "rejected", fault.shouldRetry))
          case "LoseReply":
            return Effect.andThen(call(...args), Effect.fail(lost(operation, "ambiguous")))
          case "Stall":
            return Effect.never
          default:
            return call(...args)
        }
      })

  const output: Shape["output"] = (...args) =>
    Stream.unwrap(
      Effect.map(enter("output", args), (fault) => {
        switch (fault?._tag) {
          case "Fail":
            return Stream.fail(broken("output", fault.reason, "rejected", fault.shouldRetry))
          case "LoseReply":
            return Stream.fail(lost("output", "rejected"))
          case "Stall":
            return Stream.never
          case "Cut":
            return cut(
              backend.output(...args),
              fault.bytes,
              fault.silently ? Stream.empty : Stream.fail(lost("output", "rejected"))
            )
          default:
            return backend.output(...args)
        }
      })
    )

  const download: Shape["download"] = (...args) =>
    Stream.unwrap(
      Effect.map(enter("download", args), (fault) =>
        fault === undefined
          ? backend.download(...args)
          : fault._tag === "Stall"
            ? Stream.never
            : Stream.fail(
                fault._tag === "Fail" ? broken("download", fault.reason, "rejected") : lost("download", "rejected")
              )
      )
    )

  return {
    ...backend,
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
    startSnapshot: effect("startSnapshot", backend.startSnapshot),
    getSnapshot: effect("getSnapshot", backend.getSnapshot),
    listSnapshots: effect("listSnapshots", backend.listSnapshots),
    updateSnapshot: effect("updateSnapshot", backend.updateSnapshot),
    deleteSnapshot: effect("deleteSnapshot", backend.deleteSnapshot),
    startExecution: effect("startExecution", backend.startExecution),
    getExecution: effect("getExecution", backend.getExecution),
    output,
    sendStdin: effect("sendStdin", backend.sendStdin),
    kill: effect("kill", backend.kill),
    openTerminal: effect("openTerminal", backend.openTerminal),
    download,
    upload: (id, path, contents, options) =>
      // Written out, since its error is generic and `effect` would forget which.
      effect("upload", (..._args: ReadonlyArray<unknown>) => backend.upload(id, path, contents, options))(
        id,
        path,
        contents,
        options
      ),
    createSshKey: effect("createSshKey", backend.createSshKey),
    enableTunnel: effect("enableTunnel", backend.enableTunnel),
    removeTunnel: effect("removeTunnel", backend.removeTunnel),
    dial: effect("dial", backend.dial),
    ...(backend.waitForStatus === undefined ? {} : { waitForStatus: effect("waitForStatus", backend.waitForStatus) }),
    ...(backend.waitForExecution === undefined
      ? {}
      : { waitForExecution: effect("waitForExecution", backend.waitForExecution) })
  }
}
