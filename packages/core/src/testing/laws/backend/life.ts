/** Laws of launching, of what ends a devbox by itself, and of what it does before it sleeps. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { DevboxBackend } from "../../../DevboxBackend.ts"
import { AfterIdle, type CreateParams, LaunchParameters, Lifecycle, LifecycleHooks } from "../../../DevboxModel.ts"
import { SnapshotParams } from "../../../Snapshot.ts"
import { created, get, put, reach, type Running, running, said, start, text } from "../boxes.ts"
import { ends, equal, eventually, failsWith, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

const launched = (
  fields: ConstructorParameters<typeof LaunchParameters>[0],
  more: Partial<CreateParams> = {}
): Partial<CreateParams> => ({ ...more, launchParameters: new LaunchParameters(fields) })

const idle = (seconds: number, onIdle: "suspend" | "shutdown") =>
  launched({ afterIdle: new AfterIdle({ idleTimeSeconds: seconds, onIdle }) })

/** Claims that a file is there, with these contents. */
const contains = (claim: string, box: Running, path: string, expected: string) =>
  Effect.flatMap(succeeds(`${path} is there`, get(box, path)), (found) => equal(claim, text(found), expected))

const rested = ({ backend, id }: Running) =>
  Effect.gen(function* () {
    yield* backend.suspend(id)
    yield* reach(backend, id, "suspended")
    yield* backend.resume(id)
    yield* reach(backend, id, "running")
  })

/** See above. */
export const life: ReadonlyArray<BackendLaw> = [
  law(
    "launch-commands-first",
    "A devbox does not run before its launch commands have, one after another.",
    [],
    Effect.gen(function* () {
      const box = yield* running(
        launched({ launchCommands: ["sleep 0.2; echo one >> log.txt", "echo two >> log.txt"] })
      )
      yield* contains("their work is there", box, "log.txt", "one\ntwo\n")
      const logs = yield* box.backend.logs(box.id)
      yield* holds(
        "the log names them",
        logs.some(({ cmd, source }) => source === "setup_commands" && cmd?.includes("two") === true),
        logs
      )
    })
  ),
  law(
    "launch-commands-again",
    "Launch commands run again when a devbox is resumed.",
    ["suspend"],
    Effect.gen(function* () {
      const box = yield* running(launched({ launchCommands: ["echo up >> log.txt"] }))
      yield* rested(box)
      yield* contains("once for each start", box, "log.txt", "up\nup\n")
    })
  ),
  law(
    "launch-failure-says-why",
    "When a launch command fails, so does the devbox, later ones do not run, and its log tells which it was.",
    [],
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const { id } = yield* created(launched({ launchCommands: ["true", "echo why; exit 3", "echo never"] }))
      const info = yield* reach(backend, id, "failure")
      yield* equal("it has failed", info.status, "failure")
      yield* equal("because of a command", info.failureReason, "execution_failed")
      const logs = yield* succeeds("its log can be read", backend.logs(id))
      const guilty = logs.find(({ cmd }) => cmd?.includes("exit 3") === true)
      yield* holds("which names the command", guilty?.source === "setup_commands", logs)
      yield* holds(
        "and its exit status",
        logs.some(({ cmdId, exitCode }) => cmdId === guilty?.cmdId && exitCode === 3),
        logs
      )
      yield* holds(
        "and none after it",
        logs.every(({ cmd }) => cmd?.includes("never") !== true),
        logs
      )
    })
  ),
  law(
    "mount-files",
    "Mounted files are in place before anything runs.",
    [],
    Effect.gen(function* () {
      const box = yield* running({
        ...launched({ launchCommands: ["cat etc/app.conf > seen.txt || true"] }),
        mounts: [{ type: "file_mount", target: "~/etc/app.conf", content: "ü = 1\n" }]
      })
      yield* contains("as they were given", box, "etc/app.conf", "ü = 1\n")
      yield* contains("for launch commands, too", box, "seen.txt", "ü = 1\n")
    })
  ),
  law(
    "entrypoint-ends-it",
    "A devbox lives as long as its entrypoint, and says so.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running({ entrypoint: "sleep 0.5" })
      const info = yield* reach(backend, id, "shutdown")
      yield* equal("it is shut down", info.status, "shutdown")
      yield* equal("by its entrypoint", info.shutdownReason, "entrypoint_exit")
    })
  ),
  law(
    "keep-alive-time",
    "A devbox ends when its keep-alive time is over, and says why and when.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running(launched({ keepAliveTimeSeconds: 1 }))
      const info = yield* reach(backend, id, "shutdown")
      yield* equal("it is shut down", info.status, "shutdown")
      yield* equal("because its time was over", info.shutdownReason, "keep_alive_timeout")
      const lived = (info.endTimeMs ?? 0) - info.createTimeMs
      yield* holds("not before", lived >= 1000, `it lived ${lived} ms`)
    })
  ),
  law(
    "keep-alive-restarts",
    "keepAlive starts the keep-alive time again, as often as it is called.",
    [],
    Effect.gen(function* () {
      const { backend, id } = yield* running(launched({ keepAliveTimeSeconds: 2 }))
      yield* Effect.repeat(backend.keepAlive(id), { schedule: Schedule.spaced("500 millis"), times: 6 })
      yield* equal("it lives beyond its first time", (yield* backend.get(id)).status, "running")
      const info = yield* reach(backend, id, "shutdown")
      yield* equal("and no longer than the last", info.shutdownReason, "keep_alive_timeout")
    })
  ),
  law(
    "idle-shuts-down",
    "A devbox with an idle policy ends when nothing happened for so long; one that is busy is not idle.",
    [],
    Effect.gen(function* () {
      const box = yield* running(idle(1, "shutdown"))
      const { executionId } = yield* start(box, "sleep 2.5; echo done > done.txt; cat done.txt")
      const command = yield* eventually(
        "the command ends",
        box.backend.getExecution(box.id, executionId),
        ({ status }) => status === "completed"
      )
      yield* equal("by itself", command.exitStatus, 0)
      const info = yield* reach(box.backend, box.id, "shutdown")
      yield* equal("then the devbox ends", info.status, "shutdown")
      yield* equal("because it was idle", info.shutdownReason, "idle")
    })
  ),
  law(
    "idle-suspends",
    "An idle policy can suspend instead, and the disk is kept.",
    ["suspend"],
    Effect.gen(function* () {
      const box = yield* running(idle(1, "suspend"))
      yield* put(box, "file.txt", "kept")
      const info = yield* reach(box.backend, box.id, "suspended")
      yield* equal("it is suspended", info.status, "suspended")
      yield* box.backend.resume(box.id)
      yield* reach(box.backend, box.id, "running")
      yield* contains("with its files", box, "file.txt", "kept")
    })
  ),
  law(
    "suspend-commands",
    "Suspend commands run before a devbox is suspended, and one that fails does not keep it from it.",
    ["suspend"],
    Effect.gen(function* () {
      const lifecycleHooks = new LifecycleHooks({ suspendCommands: ["exit 4", "echo saved > saved.txt"] })
      const box = yield* running(launched({ lifecycle: new Lifecycle({ lifecycleHooks }) }))
      yield* rested(box)
      yield* equal("what they wrote is there", yield* said(box, "cat saved.txt"), "saved")
    })
  ),
  law(
    "suspend-commands-in-time",
    "Suspend commands get the time that was said, and not more.",
    ["suspend"],
    Effect.gen(function* () {
      const lifecycleHooks = new LifecycleHooks({ suspendCommands: ["sleep 1000"], suspendDeadlineMs: 300 })
      const { backend, id } = yield* running(launched({ lifecycle: new Lifecycle({ lifecycleHooks }) }))
      yield* backend.suspend(id)
      const info = yield* ends("it comes to be suspended", reach(backend, id, "suspended"))
      yield* equal("all the same", info.status, "suspended")
    })
  ),
  law(
    "notice-of-the-end",
    "Notice is given of the end of a keep-alive time, also to whoever asks late.",
    ["notices"],
    Effect.gen(function* () {
      const { backend, id } = yield* running(launched({ keepAliveTimeSeconds: 30 }))
      const mine = backend.notices.pipe(
        Stream.filter(({ devboxId }) => devboxId === id),
        Stream.take(1),
        Stream.runCollect
      )
      const { createTimeMs } = yield* backend.get(id)
      for (const asked of ["first", "late"]) {
        const [notice] = yield* succeeds(`it reaches the ${asked}`, ends("it comes", mine))
        const after = (notice?.evictionDeadlineMs ?? 0) - createTimeMs
        yield* holds("with the time of the end", after >= 30_000 && after < 90_000, `${after} ms after the creation`)
      }
    })
  ),
  law(
    "snapshot-of-the-suspended",
    "A suspended devbox can be snapshotted, and stays suspended.",
    ["suspend", "snapshot"],
    Effect.gen(function* () {
      const box = yield* running()
      const { backend } = box
      yield* put(box, "file.txt", "asleep")
      yield* backend.suspend(box.id)
      yield* reach(backend, box.id, "suspended")
      // The second has nothing new in it, and is as good.
      for (const which of ["one", "another"]) {
        const { id } = yield* Effect.acquireRelease(
          succeeds(`${which} can be asked for`, backend.startSnapshot(box.id, new SnapshotParams({}))),
          (info) => Effect.ignore(backend.deleteSnapshot(info.id))
        )
        yield* eventually("it completes", backend.getSnapshot(id), ({ status }) => status === "complete")
        yield* equal("nobody was woken", (yield* backend.get(box.id)).status, "suspended")
        const copy = yield* succeeds("a devbox can be made of it", running({ snapshotId: id }))
        yield* contains("the files are in it", copy, "file.txt", "asleep")
      }
    })
  ),
  law(
    "snapshot-and-shutdown",
    "A shutdown during a snapshot conflicts unless it is forced, and no snapshot is left half made.",
    ["snapshot"],
    Effect.gen(function* () {
      for (const force of [false, true]) {
        const box = yield* running()
        const { backend } = box
        yield* put(box, "file.txt", "whole")
        const { id } = yield* Effect.acquireRelease(backend.startSnapshot(box.id, new SnapshotParams({})), (info) =>
          Effect.ignore(backend.deleteSnapshot(info.id))
        )
        const before = yield* backend.getSnapshot(id)
        const asked = backend.shutdown(box.id, { force })
        if (force) yield* succeeds("by force it succeeds", asked)
        else if (before.status === "in_progress") {
          const refused = yield* Effect.exit(asked)
          const after = yield* backend.getSnapshot(id)
          // It may have become complete between the two looks.
          if (after.status === "in_progress") {
            yield* failsWith(
              "it conflicts",
              Effect.suspend(() => refused),
              "Conflict"
            )
            yield* equal("and the devbox runs on", (yield* backend.get(box.id)).status, "running")
          }
        }
        const state = yield* eventually(
          "the snapshot comes to an end",
          backend.getSnapshot(id),
          ({ status }) => status !== "in_progress"
        )
        if (!force) yield* equal("it is complete", state.status, "complete")
        if (state.status !== "complete") {
          yield* holds("a failed one says why", (state.errorMessage ?? "") !== "", state)
          continue
        }
        const copy = yield* running({ snapshotId: id })
        yield* contains("a complete one is whole", copy, "file.txt", "whole")
      }
    })
  )
]
