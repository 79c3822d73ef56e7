/** Laws of forks: several devboxes from one instant of one, and nothing of them left. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { DevboxBackend } from "../../../DevboxBackend.ts"
import type { DevboxId } from "../../../DevboxModel.ts"
import { unique } from "../boxes.ts"
import { equal, eventually, failsWith, holds, succeeds } from "../claim.ts"
import { law, type ServiceLaw } from "../law.ts"
import { create, end, options } from "./boxes.ts"

/** The snapshots of a devbox that exist. */
const snapshotsOf = (id: DevboxId) =>
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    const { items } = yield* backend.listSnapshots({ devboxId: id, limit: 100 })
    return items.map((each) => each.id)
  })

/** Those of the devboxes with a mark that are not over. */
const living = (mark: string) =>
  Effect.gen(function* () {
    const backend = yield* DevboxBackend
    const { items } = yield* backend.list({ limit: 100 })
    return items.filter(
      ({ metadata, status }) => metadata["mark"] === mark && status !== "shutdown" && status !== "failure"
    )
  })

/** See above. */
export const forks: ReadonlyArray<ServiceLaw> = [
  law(
    "fork-is-one-instant",
    "Forks run, all with the files that their source had at one instant, and are apart from it and from each other.",
    ["snapshot"],
    Effect.gen(function* () {
      const devbox = yield* create()
      yield* devbox.file.write("file.txt", "then")
      const made = yield* succeeds("it can be forked", devbox.fork(2, yield* options()))
      yield* equal("into as many as were asked for", new Set([devbox.id, ...made.map(({ id }) => id)]).size, 3)
      yield* devbox.file.write("file.txt", "later")
      for (const each of made) {
        yield* equal("each runs", (yield* each.getInfo).status, "running")
        const read = yield* succeeds("each has the file", each.file.read("file.txt"))
        yield* equal("as it was then", read, "then")
      }
      yield* made[0]!.file.write("file.txt", "its own")
      yield* equal("another's are its own", yield* made[1]!.file.read("file.txt"), "then")
      yield* equal("so are the source's", yield* devbox.file.read("file.txt"), "later")
    })
  ),
  law(
    "fork-ends-with-its-scope",
    "Forks are shut down with their scope, and the snapshot they were made of is deleted; the source goes on.",
    ["snapshot"],
    Effect.gen(function* () {
      const devbox = yield* create()
      const scope = yield* Scope.make()
      const made = yield* Scope.provide(devbox.fork(2, yield* options()), scope).pipe(
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      yield* equal("they are made of one snapshot", (yield* snapshotsOf(devbox.id)).length, 1)
      yield* Scope.close(scope, Exit.void)
      for (const { id } of made) yield* equal("each is shut down", yield* end(id), "shutdown")
      yield* eventually("the snapshot is deleted", snapshotsOf(devbox.id), ({ length }) => length === 0)
      yield* equal("the source runs", (yield* devbox.getInfo).status, "running")
    })
  ),
  law(
    "fork-that-fails",
    "When a fork cannot be made, forking fails, and neither devbox nor snapshot is left.",
    ["snapshot"],
    Effect.gen(function* () {
      const devbox = yield* create()
      const mark = unique("law")
      const failing = yield* options({ launchCommands: ["exit 3"], metadata: { mark } })
      const error = yield* failsWith("forking fails", devbox.fork(2, failing), "DevboxNotReady")
      yield* equal("because a fork failed", error.status, "failure")
      yield* eventually("no devbox lives", living(mark), ({ length }) => length === 0)
      yield* eventually("no snapshot is left", snapshotsOf(devbox.id), ({ length }) => length === 0)
      const none = yield* failsWith("so does forking into none", devbox.fork(0), "BackendError")
      yield* holds("as invalid", none.reason._tag === "InvalidRequestError", none)
    })
  )
]
