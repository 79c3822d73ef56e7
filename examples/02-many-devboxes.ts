/** A pipeline over many devboxes: one for each item, a few at a time, and one report of what came of them all. */
import { type Devbox, DevboxService } from "@effect-devbox/core"
import * as DevboxFleet from "@effect-devbox/core/DevboxFleet"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect, Layer } from "effect"

const candidates = ["xs.toSorted()", "xs.reverse()", "xs.sort((a, b) => a - b)", "Math.max(...xs)"]

/** Runs a candidate's solution against a check; each has a machine of its own and cannot spoil another's. */
const judge = (devbox: Devbox.Devbox, solution: string) =>
  Effect.gen(function* () {
    yield* devbox.file.write("check.mjs", `const xs = [9, 10, 1]\nconsole.log(JSON.stringify(${solution}))`)
    const { stdout } = yield* devbox.cmd.exec("node check.mjs", { timeout: "30 seconds" })
    return { solution, passed: stdout.trim() === "[1,9,10]", said: stdout.trim() }
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
  for (const { passed, said, solution } of verdicts) {
    yield* Console.log(`${passed ? "pass" : "fail"} ${solution} gives ${said}`)
  }
})

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Devboxes), NodeRuntime.runMain)
