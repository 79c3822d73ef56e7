/** Laws of creating and ending devboxes. */
import * as Effect from "effect/Effect"
import { DevboxBackend } from "../../../DevboxBackend.ts"
import { SnapshotId } from "../../../DevboxModel.ts"
import { busy, created, exec, get, over, params, put, reach, running, start, text, unique } from "../boxes.ts"
import { equal, eventually, failsWith, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

/** See above. */
export const lifecycle: ReadonlyArray<BackendLaw> = [
  law(
    "create-runs",
    "A new devbox comes to run without anybody doing anything.",
    [],
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const { id } = yield* created()
      const info = yield* succeeds("a devbox that was created can be looked at", reach(backend, id, "running"))
      yield* equal("a new devbox comes to run", info.status, "running")
      yield* holds("a devbox that runs has no end", info.endTimeMs === undefined, info)
      yield* holds("a devbox that runs was not shut down", info.shutdownReason === undefined, info)
    })
  ),
  law(
    "create-says-what-was-asked",
    "A devbox carries the name and the metadata that it was created with.",
    [],
    Effect.gen(function* () {
      const wanted = { name: unique("law"), metadata: { law: "create-says-what-was-asked", "a.b/c": "ü 1" } }
      const { backend, id } = yield* running(wanted)
      const info = yield* backend.get(id)
      yield* equal("it has its name", info.name, wanted.name)
      yield* equal("it has its metadata", { ...info.metadata }, wanted.metadata)
    })
  ),
  law(
    "create-makes-another",
    "Each create makes a devbox of its own.",
    [],
    Effect.gen(function* () {
      const [a, b] = yield* Effect.all([created(), created()])
      yield* holds("two creates give two ids", a.id !== b.id, a.id)
    })
  ),
  law(
    "create-environment",
    "The environment that a devbox was created with reaches its commands.",
    [],
    Effect.gen(function* () {
      const box = yield* running({ environmentVariables: { LAW_NAME: "of the land", LAW_EMPTY: "" } })
      const { stdout } = yield* exec(box, 'printf \'%s|\' "$LAW_NAME" "$LAW_EMPTY"')
      yield* equal("commands see it", text(stdout), "of the land||")
    })
  ),
  law(
    "create-from-unknown-snapshot",
    "A devbox cannot be created from a snapshot that does not exist, and the error says so.",
    ["snapshot"],
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const request = yield* params({ snapshotId: SnapshotId.make("snp_000000000000000000000000") })
      const error = yield* failsWith(
        "creating from an unknown snapshot fails",
        backend.create(request),
        "ResourceNotFound"
      )
      yield* equal("the error names the kind of thing that is missing", error.resource, "snapshot")
    })
  ),
  law(
    "transitions-tell-the-story",
    "The state transitions of a devbox are in order and end with what it is.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* backend.shutdown(id, { force: true })
      const info = yield* reach(backend, id, "shutdown")
      const times = info.stateTransitions.map(({ transitionTimeMs }) => transitionTimeMs ?? Number.NaN)
      const statuses = info.stateTransitions.map(({ status }) => status)
      yield* holds(
        "they are in order of time",
        times.every((time, index) => index === 0 || time >= times[index - 1]!),
        times
      )
      yield* holds("the devbox ran before it was shut down", statuses.indexOf("running") >= 0, statuses)
      yield* equal("the last one is what it is now", statuses.at(-1), "shutdown")
    })
  ),
  law(
    "shutdown-is-final",
    "A devbox that is shut down stays known, with the reason and the time of its end.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* succeeds("a devbox that runs can be shut down", backend.shutdown(id))
      const info = yield* succeeds("it can still be looked at", reach(backend, id, "shutdown"))
      yield* equal("it is shut down", info.status, "shutdown")
      yield* equal("it says why", info.shutdownReason, "api_shutdown")
      yield* holds("it says when", info.endTimeMs !== undefined && info.endTimeMs >= info.createTimeMs, info)
    })
  ),
  law(
    "shutdown-twice",
    "Shutting down twice does no harm.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* backend.shutdown(id)
      const first = yield* reach(backend, id, "shutdown")
      const again = yield* succeeds("the second shutdown succeeds", backend.shutdown(id))
      yield* equal("it stays shut down", again.status, "shutdown")
      const now = yield* backend.get(id)
      yield* equal("the time of its end stays", now.endTimeMs, first.endTimeMs)
    })
  ),
  law(
    "shutdown-ends-commands",
    "A command does not outlive its devbox.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* busy(box)
      yield* box.backend.shutdown(box.id, { force: true })
      yield* reach(box.backend, box.id, "shutdown")
      // A backend may forget the commands of a devbox that is over, but never call one running.
      const seen = yield* Effect.catchTag(over(box, executionId), "ResourceNotFound", () =>
        Effect.succeed({ status: "completed" })
      )
      yield* equal("the command is over", seen.status, "completed")
    })
  ),
  law(
    "shutdown-leaves-others",
    "Shutting one devbox down leaves the others as they are.",
    [],
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([running(), running()])
      yield* put(other, "kept.txt", "kept")
      yield* one.backend.shutdown(one.id)
      yield* reach(one.backend, one.id, "shutdown")
      yield* equal("the other runs", (yield* other.backend.get(other.id)).status, "running")
      const kept = yield* succeeds("its files are there", get(other, "kept.txt"))
      yield* equal("unchanged", text(kept), "kept")
    })
  ),
  law(
    "keep-alive",
    "A devbox that runs can be kept alive, and goes on to run.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* succeeds("keepAlive succeeds", backend.keepAlive(id))
      yield* equal("it runs", (yield* backend.get(id)).status, "running")
    })
  ),
  law(
    "update-replaces-metadata",
    "An update replaces the metadata as a whole and leaves alone what it does not name.",
    ["update"],
    Effect.gen(function* () {
      const name = unique("law")
      const { backend, id } = yield* running({ name, metadata: { a: "1", b: "2" } })
      const changed = yield* succeeds("metadata can be updated", backend.update(id, { metadata: { b: "3" } }))
      yield* equal("the answer shows it", { ...changed.metadata }, { b: "3" })
      const info = yield* backend.get(id)
      yield* equal("so does the next look", { ...info.metadata }, { b: "3" })
      yield* equal("the name stays", info.name, name)
      yield* backend.update(id, { name: `${name}-2` })
      const renamed = yield* eventually("the name changes", backend.get(id), (now) => now.name === `${name}-2`)
      yield* equal("the metadata stays", { ...renamed.metadata }, { b: "3" })
    })
  ),
  law(
    "usage-counts",
    "Usage counts no more running time than there was time.",
    ["usage"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      const usage = yield* succeeds("usage can be asked for", backend.usage(id))
      yield* equal("it is the devbox's own", usage.id, id)
      yield* equal("it says the status", usage.status, "running")
      const counts = [usage.totalActiveSeconds, usage.vcpuSeconds, usage.memoryGbSeconds, usage.diskGbSeconds]
      yield* holds(
        "nothing is negative",
        counts.every((count) => count >= 0),
        counts
      )
      yield* holds("active time is within elapsed time", usage.totalActiveSeconds <= usage.totalElapsedSeconds, usage)
    })
  ),
  law(
    "logs-name-commands",
    "The log names each command, and can be had for one command alone.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const one = yield* start(box, "echo law-one")
      const two = yield* start(box, "echo law-two; exit 3")
      yield* Effect.all([over(box, one.executionId), over(box, two.executionId)])
      const logs = yield* eventually(
        "the command is in the log",
        box.backend.logs(box.id, { executionId: two.executionId }),
        (entries) => entries.some(({ cmd }) => cmd?.includes("law-two") === true)
      )
      yield* holds(
        "the log of one command has no other's entries",
        logs.every(({ cmdId }) => cmdId === two.executionId),
        logs
      )
      const all = yield* eventually("the whole log has both", box.backend.logs(box.id), (entries) =>
        [one, two].every(({ executionId }) => entries.some(({ cmdId }) => cmdId === executionId))
      )
      yield* holds(
        "entries have a time",
        all.every(({ timestampMs }) => timestampMs >= 0),
        all
      )
    })
  )
]
