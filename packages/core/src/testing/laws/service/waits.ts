/** Laws of waiting. */
import * as Effect from "effect/Effect"
import { DevboxService } from "../../../DevboxService.ts"
import { equal, failsWith, succeeds } from "../claim.ts"
import { law, type ServiceLaw } from "../law.ts"
import { create } from "./boxes.ts"

/** See above. */
export const waits: ReadonlyArray<ServiceLaw> = [
  law(
    "wait-timeout",
    "A wait whose deadline passes fails with WaitTimeout and what was seen last.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const error = yield* failsWith("it fails", devbox.awaitSuspended({ timeout: "100 millis" }), "WaitTimeout")
      yield* equal("it says what was waited for", error.operation, "awaitSuspended")
      yield* equal("and of what", error.id, devbox.id as string)
      yield* equal("and what was seen", error.lastStatus, "running")
      yield* equal("the devbox goes on", (yield* devbox.getInfo).status, "running")
    })
  ),
  law(
    "wait-running",
    "awaitRunning of a devbox that runs returns at once.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const info = yield* succeeds("it returns", devbox.awaitRunning({ timeout: "10 seconds" }))
      yield* equal("what it waited for", info.status, "running")
      yield* equal("of this devbox", info.id, devbox.id)
    })
  ),
  law(
    "wait-settled-otherwise",
    "awaitRunning fails at once when the devbox is over, and says so.",
    [],
    Effect.gen(function* () {
      const service = yield* DevboxService
      const devbox = yield* create()
      yield* devbox.shutdown()
      const error = yield* failsWith("it fails", service.awaitRunning(devbox.id), "DevboxNotReady")
      yield* equal("because the devbox is over", error.status, "shutdown")
      yield* equal("and does not run", error.expected, "running")
    })
  ),
  law(
    "wait-suspend-resume",
    "awaitSuspended after suspend, and awaitRunning after resume, wait for what was asked.",
    ["suspend"],
    Effect.gen(function* () {
      const devbox = yield* create()
      yield* devbox.file.write("file.txt", "kept")
      yield* devbox.suspend
      const suspended = yield* succeeds("awaitSuspended returns", devbox.awaitSuspended())
      yield* equal("when it is suspended", suspended.status, "suspended")
      const error = yield* failsWith("a command fails then", devbox.cmd.exec("true"), "DevboxNotReady")
      yield* equal("and says why", error.status, "suspended")
      yield* devbox.resume
      const running = yield* succeeds("awaitRunning returns", devbox.awaitRunning())
      yield* equal("when it runs", running.status, "running")
      yield* equal("with its files", yield* devbox.file.read("file.txt"), "kept")
    })
  ),
  law(
    "wait-result",
    "The result of a command can be waited for more than once.",
    [],
    Effect.gen(function* () {
      const devbox = yield* create()
      const execution = yield* devbox.cmd.execAsync("echo out; exit 2")
      const [first, second] = yield* succeeds(
        "both waits end",
        Effect.all([execution.result, execution.result], { concurrency: 2 })
      )
      yield* equal("the first has the end", first.exitCode, 2)
      yield* equal("so has the second", second.exitCode, 2)
      yield* equal("and the output", second.stdout, "out\n")
    })
  )
]
