/** Explore branches: set a machine up once, take it as it is, and try several ways from there at the same time. */
import { Devbox, DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"

const ways = ["s/colour/color/g", "s/colour/hue/g", "s/red/blue/"]

const program = Effect.gen(function* () {
  const devbox = yield* Devbox.create({ name: "trunk" })
  yield* devbox.file.write("story.txt", "the colour of the house is red\n")

  // Each branch is a devbox of its own with this disk; the snapshot behind them goes with the last.
  const branches = yield* devbox.fork(ways.length)
  const stories = yield* Effect.forEach(
    branches,
    (branch, index) =>
      branch.cmd
        .execOrFail(["sed", "-i", ways[index] ?? "", "story.txt"])
        .pipe(Effect.andThen(branch.file.read("story.txt"))),
    { concurrency: "unbounded" }
  )
  for (const story of stories) yield* Console.log(`branch: ${story.trim()}`)
  yield* Console.log(`trunk:  ${(yield* devbox.file.read("story.txt")).trim()}`)

  // A snapshot that stays, and a devbox made from it later.
  const snapshot = yield* devbox.snapshotDisk({ name: "story so far" })
  const later = yield* snapshot.createDevbox()
  yield* Console.log(`later:  ${(yield* later.file.read("story.txt")).trim()}`)
  yield* snapshot.delete
}).pipe(Effect.scoped)

const Devboxes = DevboxService.layer.pipe(Layer.provide(LocalBackend.layerConfig()))
program.pipe(Effect.provide(Devboxes), NodeRuntime.runMain)
