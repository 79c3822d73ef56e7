/** The table of states and operations: what each call does to a devbox that does not exist, that is over, and that is suspended. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"
import { DevboxBackend, type Shape } from "../../../DevboxBackend.ts"
import type {
  BackendError,
  Conflict,
  DevboxNotReady,
  FileError,
  OutputLost,
  ResourceNotFound
} from "../../../DevboxError.ts"
import { DevboxId, SnapshotId } from "../../../DevboxModel.ts"
import { cursorStart, ExecutionId } from "../../../Execution.ts"
import { TunnelOptions } from "../../../Network.ts"
import { SnapshotParams } from "../../../Snapshot.ts"
import { busy, commandId, get, over, put, reach, running, text } from "../boxes.ts"
import { equal, failsWith, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law, Surroundings } from "../law.ts"

type AnyError = BackendError | ResourceNotFound | DevboxNotReady | Conflict | FileError | OutputLost

interface Failing {
  readonly name: string
  readonly call: Effect.Effect<unknown, AnyError>
}

/** Claims that a call fails because something does not exist, and names it. */
const missing = ({ call, name }: Failing, resource: ResourceNotFound["resource"], id: string) =>
  Effect.gen(function* () {
    const error = yield* failsWith(`${name} of an unknown ${resource} is not found`, call, "ResourceNotFound")
    yield* equal(`${name} says what is missing`, error.resource, resource)
    yield* equal(`${name} says which`, error.id, id)
  })

/** Calls that only look at a devbox, or end it. */
const lookups = (backend: Shape, id: DevboxId): ReadonlyArray<Failing> => {
  const has = (feature: string) => backend.capabilities.features.has(feature)
  return [
    { name: "get", call: backend.get(id) },
    { name: "shutdown", call: backend.shutdown(id) },
    { name: "logs", call: backend.logs(id) },
    ...(has("update") ? [{ name: "update", call: backend.update(id, { name: "x" }) }] : []),
    ...(has("usage") ? [{ name: "usage", call: backend.usage(id) }] : [])
  ]
}

/** Calls that need a devbox that runs. */
const work = (backend: Shape, id: DevboxId): ReadonlyArray<Failing> => {
  const has = (feature: string) => backend.capabilities.features.has(feature)
  return [
    { name: "startExecution", call: backend.startExecution(id, { commandId: commandId(), command: "true" }) },
    { name: "download", call: Stream.runDrain(backend.download(id, "/etc/hostname")) },
    { name: "upload", call: backend.upload(id, "late.txt", Stream.make(new Uint8Array(1))) },
    ...(has("pty")
      ? [{ name: "openTerminal", call: Effect.scoped(backend.openTerminal(id, { cols: 80, rows: 24 })) }]
      : []),
    ...(has("tunnel") ? [{ name: "enableTunnel", call: backend.enableTunnel(id, new TunnelOptions({})) }] : []),
    ...(has("dial") ? [{ name: "dial", call: Effect.scoped(backend.dial(id, 9)) }] : []),
    ...(has("fetch") ? [{ name: "fetch", call: backend.fetch(id, 9, HttpClientRequest.get("/")) }] : [])
  ]
}

/** Calls that need a devbox that is not over. */
const life = (backend: Shape, id: DevboxId): ReadonlyArray<Failing> => {
  const has = (feature: string) => backend.capabilities.features.has(feature)
  return [
    { name: "keepAlive", call: backend.keepAlive(id) },
    ...(has("suspend")
      ? [
          { name: "suspend", call: backend.suspend(id) },
          { name: "resume", call: backend.resume(id) }
        ]
      : []),
    ...(has("snapshot") ? [{ name: "startSnapshot", call: backend.startSnapshot(id, new SnapshotParams({})) }] : [])
  ]
}

const suspended = Effect.gen(function* () {
  const box = yield* running()
  yield* put(box, "before.txt", "before")
  yield* box.backend.suspend(box.id)
  yield* reach(box.backend, box.id, "suspended")
  return box
})

/** See above. */
export const states: ReadonlyArray<BackendLaw> = [
  law(
    "unknown-devbox",
    "Every call about a devbox that does not exist fails with ResourceNotFound and its id.",
    [],
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const id = DevboxId.make("dbx_000000000000000000000000")
      for (const each of [...lookups(backend, id), ...work(backend, id), ...life(backend, id)])
        yield* missing(each, "devbox", id)
    })
  ),
  law(
    "unknown-execution",
    "Every call about a command that does not exist fails with ResourceNotFound and its id.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      const unknown = ExecutionId.make(commandId())
      const calls: ReadonlyArray<Failing> = [
        { name: "getExecution", call: backend.getExecution(id, unknown) },
        { name: "output", call: Stream.runDrain(backend.output(id, unknown, "stdout", cursorStart)) },
        { name: "kill", call: backend.kill(id, unknown) }
      ]
      for (const each of calls) yield* missing(each, "execution", unknown)
    })
  ),
  law(
    "unknown-snapshot",
    "Every call about a snapshot that does not exist fails with ResourceNotFound and its id.",
    ["snapshot"],
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const id = SnapshotId.make("snp_000000000000000000000000")
      const calls: ReadonlyArray<Failing> = [
        { name: "getSnapshot", call: backend.getSnapshot(id) },
        { name: "updateSnapshot", call: backend.updateSnapshot(id, new SnapshotParams({})) },
        { name: "deleteSnapshot", call: backend.deleteSnapshot(id) }
      ]
      for (const each of calls) yield* missing(each, "snapshot", id)
    })
  ),
  law(
    "over-refuses-work",
    "A devbox that is shut down does nothing any more, and says that it is shut down.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* backend.shutdown(id)
      yield* reach(backend, id, "shutdown")
      for (const { call, name } of [...work(backend, id), ...life(backend, id)]) {
        const error = yield* failsWith(`${name} of a devbox that is over fails`, call, "DevboxNotReady")
        yield* holds(`${name} says that it is shut down`, error.status === "shutdown", error)
      }
    })
  ),
  law(
    "over-can-be-looked-at",
    "A devbox that is shut down can still be looked at.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* backend.shutdown(id)
      yield* reach(backend, id, "shutdown")
      for (const { call, name } of lookups(backend, id))
        yield* succeeds(`${name} of a devbox that is over succeeds`, call)
    })
  ),
  law(
    "suspend-keeps-the-disk",
    "A devbox comes back from suspension with its files.",
    ["suspend"],
    Effect.gen(function* () {
      const { backend, id } = yield* suspended
      yield* equal("it is suspended", (yield* backend.get(id)).status, "suspended")
      yield* succeeds("it can be resumed", backend.resume(id))
      const info = yield* reach(backend, id, "running")
      yield* equal("it runs again", info.status, "running")
      const kept = yield* succeeds("its file is there", get({ backend, id }, "before.txt"))
      yield* equal("unchanged", text(kept), "before")
    })
  ),
  law(
    "suspend-ends-commands",
    "Suspension ends the commands that run.",
    ["suspend"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* busy(box)
      yield* box.backend.suspend(box.id)
      yield* reach(box.backend, box.id, "suspended")
      const info = yield* over(box, executionId)
      yield* equal("the command is over", info.status, "completed")
      yield* box.backend.resume(box.id)
      yield* reach(box.backend, box.id, "running")
      const later = yield* box.backend.getExecution(box.id, executionId)
      yield* equal("it does not come back to life", later.status, "completed")
    })
  ),
  law(
    "suspended-refuses-work",
    "A suspended devbox runs nothing and touches no file, and says that it is suspended.",
    ["suspend"],
    Effect.gen(function* () {
      const { backend, id } = yield* suspended
      for (const { call, name } of work(backend, id)) {
        const error = yield* failsWith(`${name} of a suspended devbox fails`, call, "DevboxNotReady")
        yield* holds(`${name} says that it is suspended`, error.status === "suspended", error)
      }
    })
  ),
  law(
    "suspend-twice",
    "Suspending what is suspended, and resuming what runs, does nothing.",
    ["suspend"],
    Effect.gen(function* () {
      const { backend, id } = yield* suspended
      const before = yield* backend.get(id)
      yield* succeeds("a second suspend succeeds", backend.suspend(id))
      const after = yield* backend.get(id)
      yield* equal("nothing happened", after.stateTransitions.length, before.stateTransitions.length)
      yield* backend.resume(id)
      const runs = yield* reach(backend, id, "running")
      yield* succeeds("resuming what runs succeeds", backend.resume(id))
      const still = yield* backend.get(id)
      yield* equal("it runs on", still.status, "running")
      yield* equal("and nothing happened", still.stateTransitions.length, runs.stateTransitions.length)
    })
  ),
  law(
    "suspended-can-be-shut-down",
    "A suspended devbox can be shut down.",
    ["suspend"],
    Effect.gen(function* () {
      const { backend, id } = yield* suspended
      yield* succeeds("shutdown succeeds", backend.shutdown(id))
      yield* equal("it is shut down", (yield* reach(backend, id, "shutdown")).status, "shutdown")
    })
  ),
  law(
    "hold-sees-it-happen",
    "A hold for a status answers when the devbox has it.",
    ["holds", "suspend"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      const { waitForStatus } = backend
      const { patience } = yield* Surroundings
      if (waitForStatus === undefined) return
      const [held] = yield* succeeds(
        "the hold ends",
        Effect.all([waitForStatus(id, ["suspended"], patience), backend.suspend(id)], { concurrency: 2 })
      )
      yield* equal("it says what it was held for", held.status, "suspended")
    })
  ),
  law(
    "hold-ends",
    "A hold that ends without news answers with what is, and does not fail.",
    ["holds"],
    Effect.gen(function* () {
      const box = yield* running()
      const { waitForExecution, waitForStatus } = box.backend
      if (waitForStatus === undefined || waitForExecution === undefined) return
      const hold = Duration.millis(20)
      const seen = yield* succeeds("a hold for a status ends", waitForStatus(box.id, ["suspended"], hold))
      yield* equal("it says what is", seen.status, "running")
      const { executionId } = yield* busy(box)
      const command = yield* succeeds("a hold for a command ends", waitForExecution(box.id, executionId, hold))
      yield* equal("it says what is", command.status, "running")
    })
  ),
  law(
    "absent-is-unsupported",
    "What a backend says it does not have fails with UnsupportedError, whatever it is asked about.",
    [],
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const id = DevboxId.make("dbx_000000000000000000000000")
      const snapshot = SnapshotId.make("snp_000000000000000000000000")
      const calls: Readonly<Record<string, ReadonlyArray<Effect.Effect<unknown, AnyError>>>> = {
        suspend: [backend.suspend(id), backend.resume(id)],
        snapshot: [backend.startSnapshot(id, new SnapshotParams({})), backend.deleteSnapshot(snapshot)],
        tunnel: [backend.enableTunnel(id, new TunnelOptions({})), backend.removeTunnel(id)],
        ssh: [backend.createSshKey(id)],
        stdin: [backend.sendStdin(id, ExecutionId.make(commandId()), { signal: "EOF" })],
        pty: [Effect.scoped(backend.openTerminal(id, { cols: 80, rows: 24 }))],
        dial: [Effect.scoped(backend.dial(id, 9))],
        fetch: [backend.fetch(id, 9, HttpClientRequest.get("/"))],
        usage: [backend.usage(id)],
        update: [backend.update(id, { name: "x" })],
        notices: [Stream.runDrain(backend.notices)]
      }
      for (const [feature, each] of Object.entries(calls)) {
        if (backend.capabilities.features.has(feature)) continue
        for (const call of each) {
          const error = yield* failsWith(`${feature} is refused`, call, "BackendError")
          yield* equal(`${feature} is refused as unsupported`, error.reason._tag, "UnsupportedError")
          yield* equal(`${feature} is refused before anything is done`, error.outcome, "rejected")
        }
      }
    })
  )
]
