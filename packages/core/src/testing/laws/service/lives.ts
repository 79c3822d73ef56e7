/** Laws of devboxes that sleep and are woken, and of those that are kept alive. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { DevboxService } from "../../../DevboxService.ts"
import { end, create } from "./boxes.ts"
import { ends, equal, failsWith, holds, succeeds } from "../claim.ts"
import { law, type ServiceLaw } from "../law.ts"

const suspended = Effect.gen(function* () {
  const service = yield* DevboxService
  const devbox = yield* create()
  yield* devbox.file.write("before.txt", "before")
  yield* devbox.suspend
  yield* devbox.awaitSuspended()
  return { devbox, waking: service.attach(devbox.id, { autoResume: true }) }
})

/** See above. */
export const lives: ReadonlyArray<ServiceLaw> = [
  law(
    "auto-resume-command",
    "A command against a suspended devbox resumes it when the caller opted in, and fails otherwise.",
    ["suspend"],
    Effect.gen(function* () {
      const { devbox, waking } = yield* suspended
      const error = yield* failsWith("without it a command fails", devbox.cmd.exec("true"), "DevboxNotReady")
      yield* equal("because it is suspended", error.status, "suspended")
      yield* equal("and stays so", (yield* devbox.getInfo).status, "suspended")
      yield* equal("looking wakes nobody", (yield* waking.getInfo).status, "suspended")
      const result = yield* succeeds("with it the command runs", waking.cmd.exec("cat before.txt"))
      yield* equal("on the disk of before", result.stdout, "before")
      yield* equal("the devbox runs", (yield* devbox.getInfo).status, "running")
    })
  ),
  law(
    "auto-resume-files",
    "Reading and writing files of a suspended devbox resumes it when the caller opted in.",
    ["suspend"],
    Effect.gen(function* () {
      const { devbox, waking } = yield* suspended
      const read = yield* succeeds("a file can be read", waking.file.read("before.txt"))
      yield* equal("it is the one of before", read, "before")
      yield* devbox.suspend
      // While it is still being suspended.
      yield* succeeds("a file can be written", waking.file.write("after.txt", "after"))
      yield* equal("it is there", yield* devbox.file.read("after.txt"), "after")
    })
  ),
  law(
    "auto-resume-runs-once",
    "A command that a suspension ended is not run again, whatever was opted into.",
    ["suspend"],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const devbox = yield* create()
      const waking = service.attach(devbox.id, { autoResume: true })
      const printed = yield* Deferred.make<void>()
      const command = waking.cmd.exec("echo run >> runs.txt; echo ready; sleep 1000", {
        onStdout: () => Effect.asVoid(Deferred.succeed(printed, undefined))
      })
      const running = yield* Effect.forkChild(Effect.exit(command))
      yield* ends("the command begins", Deferred.await(printed))
      yield* devbox.suspend
      yield* devbox.awaitSuspended()
      const exit = yield* ends("the command ends", Fiber.join(running))
      yield* holds("and did not succeed", exit._tag === "Failure", exit)
      const runs = yield* succeeds("the devbox can be woken", waking.file.read("runs.txt"))
      yield* equal("it ran once", runs, "run\n")
    })
  ),
  law(
    "keep-alive-while",
    "keepAliveWhile gives what its effect gives; when the devbox is over it fails and ends the effect.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const done = yield* succeeds("it ends with its effect", devbox.keepAliveWhile(Effect.succeed("done")))
      yield* equal("and gives its value", done, "done")
      const failed = yield* Effect.flip(devbox.keepAliveWhile(Effect.fail("mine" as const)))
      yield* equal("or its error", failed, "mine")
      yield* devbox.shutdown()
      yield* equal("the devbox is over", yield* end(devbox.id), "shutdown")
      let began = false
      const late = devbox.keepAliveWhile(Effect.sync(() => void (began = true)))
      const error = yield* failsWith("then it fails", late, "DevboxNotReady")
      yield* equal("because the devbox is over", error.status, "shutdown")
      yield* holds("and the effect did not begin", !began)
    })
  )
]
