/** A pipeline over many devboxes: one for each item, a few at a time, and one report of what came of them all. */
import { type Devbox, DevboxService } from "@effect-devbox/core"
import * as DevboxFleet from "@effect-devbox/core/DevboxFleet"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect, Layer } from "effect"

const candidates = ["sorted(xs)", "list(reversed(xs))", "xs.sort() or xs", "max(xs)"]

/** Runs a candidate's solution against a check; each has a machine of its own and cannot spoil another's. */
const judge = (devbox: Devbox.Devbox, solution: string) =>
  Effect.gen(function* () {
    yield* devbox.file.write("check.py", `xs = [3, 1, 2]\nassert (${solution}) == [1, 2, 3], "wrong"`)
    const { exitCode, stderr } = yield* devbox.cmd.exec("python3 check.py", { timeout: "30 seconds" })
    return { solution, passed: exitCode === 0, why: stderr.trim().split("\n").at(-1) ?? "" }
  })

const program = Effect.gen(function* () {
  const verdicts = yield* DevboxFleet.forEach(
    candidates,
    {
      concurrency: 2,
      onReport: ({ created, duration, leaks }) =>
        Console.log(`${created} devboxes in ${Duration.format(duration)}, ${leaks.length} left behind`)
    },
    judge
  )
  for (const { passed, solution, why } of verdicts) yield* Console.log(`${passed ? "pass" : "fail"} ${solution} ${why}`)
})

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Devboxes), NodeRuntime.runMain)
