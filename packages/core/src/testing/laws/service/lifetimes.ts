/** Laws of lifetimes: what is ended with a scope, whatever way it closes, and what is not. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { DevboxBackend } from "../../../DevboxBackend.ts"
import type { DevboxId } from "../../../DevboxModel.ts"
import { DevboxService } from "../../../DevboxService.ts"
import { ExecutionId } from "../../../Execution.ts"
import { commandId, unique } from "../boxes.ts"
import { ends, equal, failsWith, holds, succeeds } from "../claim.ts"
import { law, type ServiceLaw } from "../law.ts"
import { create, end, endOf, options } from "./boxes.ts"

/** See above. */
export const lifetimes: ReadonlyArray<ServiceLaw> = [
  law(
    "scope-success",
    "A devbox runs when create returns, and is shut down when its scope closes.",
    [],
    Effect.gen(function* () {
      const id = yield* Effect.scoped(
        Effect.gen(function* () {
          const devbox = yield* create()
          yield* equal("it runs", (yield* devbox.getInfo).status, "running")
          return devbox.id
        })
      )
      yield* equal("it is shut down", yield* end(id), "shutdown")
    })
  ),
  law(
    "scope-failure",
    "A devbox is shut down when what it was for fails.",
    [],
    Effect.gen(function* () {
      let id: DevboxId | undefined
      const job = Effect.flatMap(create(), (devbox) => {
        id = devbox.id
        return Effect.fail("the job failed" as const)
      })
      const error = yield* Effect.flip(Effect.scoped(job))
      yield* equal("the failure is the job's own", error, "the job failed")
      yield* equal("the devbox is shut down", id === undefined ? "never made" : yield* end(id), "shutdown")
    })
  ),
  law(
    "scope-interruption",
    "A devbox is shut down when what it was for is interrupted.",
    [],
    Effect.gen(function* () {
      const made = yield* Deferred.make<DevboxId>()
      const job = Effect.flatMap(create(), (devbox) => Effect.andThen(Deferred.succeed(made, devbox.id), Effect.never))
      const fiber = yield* Effect.forkChild(Effect.scoped(job))
      const id = yield* Deferred.await(made)
      yield* ends("the interruption ends", Fiber.interrupt(fiber))
      yield* equal("the devbox is shut down", yield* end(id), "shutdown")
    })
  ),
  law(
    "create-failing-launch",
    "Creating fails at once when a launch command fails, and leaves nothing.",
    [],
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const mark = unique("law")
      const error = yield* failsWith(
        "creating fails",
        Effect.scoped(create({ launchCommands: ["exit 3"], metadata: { mark } })),
        "DevboxNotReady"
      )
      yield* equal("because the devbox failed", error.status, "failure")
      const { items } = yield* backend.list({ limit: 100 })
      const mine = items.filter(({ metadata }) => metadata["mark"] === mark)
      yield* holds(
        "nothing of it lives",
        mine.every(({ status }) => status === "failure" || status === "shutdown"),
        mine
      )
    })
  ),
  law(
    "detached-outlives-scope",
    "A detached devbox outlives the scope it was created in.",
    [],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const wanted = yield* options()
      const devbox = yield* Effect.acquireRelease(Effect.scoped(service.createDetached(wanted)), ({ id }) =>
        Effect.ignore(service.shutdown(id, { force: true }))
      )
      const info = yield* succeeds("it can be looked at", devbox.getInfo)
      yield* equal("it runs", info.status, "running")
      const again = service.attach(devbox.id)
      const { stdout } = yield* succeeds("a handle made from its id works", again.cmd.exec("echo still here"))
      yield* equal("whatever", stdout, "still here\n")
    })
  ),
  law(
    "close-ends",
    "Closing a devbox shuts it down before its scope does.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      yield* succeeds("it can be closed", devbox.close)
      yield* equal("it is shut down", yield* end(devbox.id), "shutdown")
      yield* succeeds("closing it again does no harm", devbox.close)
    })
  ),
  law(
    "exec-interrupted",
    "Interrupting exec ends the command.",
    [],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const devbox = yield* create()
      const id = commandId()
      const printed = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        devbox.cmd.exec("echo ready; sleep 1000", {
          commandId: id,
          onStdout: () => Effect.asVoid(Deferred.succeed(printed, undefined))
        })
      )
      yield* ends("the command begins", Deferred.await(printed))
      yield* ends("the interruption ends", Fiber.interrupt(fiber))
      yield* equal("the command is over", (yield* service.getExecution(devbox.id, id)).status, "completed")
    })
  ),
  law(
    "exec-timed-out",
    "A timeout of exec fails with WaitTimeout and ends the command.",
    [],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const devbox = yield* create()
      const id = commandId()
      const error = yield* failsWith(
        "it fails",
        devbox.cmd.exec("sleep 1000", { commandId: id, timeout: "200 millis" }),
        "WaitTimeout"
      )
      yield* equal("the error names the command", error.id, id as string)
      yield* equal("the command is over", (yield* service.getExecution(devbox.id, id)).status, "completed")
    })
  ),
  law(
    "exec-timed-out-stubborn",
    "A timeout of exec also ends a command that ignores SIGTERM.",
    ["killSignals"],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const devbox = yield* create()
      const id = commandId()
      yield* failsWith(
        "it fails",
        devbox.cmd.exec("trap '' TERM; sleep 1000", { commandId: id, timeout: "200 millis" }),
        "WaitTimeout"
      )
      const info = yield* service.getExecution(devbox.id, id)
      yield* equal("the command is over", info.status, "completed")
      yield* equal("by force", info.exitStatus, 137)
    })
  ),
  law(
    "exec-async-scope",
    "A command started with execAsync ends with its scope, one started with execDetached does not.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const scoped = yield* Effect.scoped(devbox.cmd.execAsync("sleep 1000"))
      yield* equal("the first is over", yield* endOf(devbox.id, scoped.id), "completed")
      const detached = yield* Effect.scoped(devbox.cmd.execDetached("sleep 1000"))
      yield* equal("the second is not", (yield* detached.getState).status, "running")
      const killed = yield* succeeds("it can be ended", detached.kill())
      yield* equal("and is over then", killed.status, "completed")
    })
  ),
  law(
    "exec-async-children",
    "What a command started with execAsync left behind ends with its scope, what exec and execDetached left behind goes on.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const leaving = (name: string) => `sh -c 'sleep 2; echo > ${name}' & echo left`
      yield* Effect.scoped(Effect.flatMap(devbox.cmd.execAsync(leaving("scoped")), ({ result }) => result))
      yield* devbox.cmd.exec(leaving("run"))
      yield* Effect.scoped(Effect.flatMap(devbox.cmd.execDetached(leaving("detached")), ({ result }) => result))
      yield* devbox.cmd.exec("sleep 3")
      yield* succeeds("what exec left behind went on", devbox.file.read("run"))
      yield* succeeds("what execDetached left behind did, too", devbox.file.read("detached"))
      yield* failsWith("what execAsync left behind did not", devbox.file.read("scoped"), "FileError")
    })
  ),
  law(
    "exec-async-finished",
    "A command that ended by itself keeps its own end when its scope closes.",
    [],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const devbox = yield* create()
      const { id } = yield* Effect.scoped(Effect.tap(devbox.cmd.execAsync("exit 6"), (execution) => execution.result))
      const info = yield* service.getExecution(devbox.id, ExecutionId.make(id))
      yield* equal("its status is its own", info.exitStatus, 6)
    })
  )
]
