/**
 * Does what phases there are, over and over, until it is killed: `node victim.ts STATE_DIR SEED DETACHED`. What it says on
 * stdout is written before it goes on, so that a kill loses no line.
 */
import { Devbox, DevboxService } from "@effect-devbox/core"
import type { Devbox as Handle } from "@effect-devbox/core/DevboxHandle"
import { Effect, type Scope } from "effect"
import { writeSync } from "node:fs"
import { local } from "../../node/local/fixtures.ts"
import { type Line, type Phase, phases } from "./phases.ts"
import { random } from "./random.ts"

const [dir = "", seed = "1", detached = "no"] = process.argv.slice(2)
const next = random(Number(seed))
const say = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`)

const create = detached === "yes" ? Devbox.createDetached() : Devbox.create()

const program = Effect.gen(function* () {
  const devboxes = yield* DevboxService
  const kept: Array<string> = []
  let main: Handle | undefined
  const running = () => main!
  const acts: Readonly<Record<Phase, Effect.Effect<void, unknown, DevboxService | Scope.Scope>>> = {
    create: Effect.gen(function* () {
      const before = main
      main = yield* create
      if (before !== undefined) yield* devboxes.shutdown(before.id, { force: true })
    }),
    exec: Effect.suspend(() => running().cmd.execOrFail("echo $RANDOM > noise; sync noise; sleep 0.01; cat noise")),
    snapshot: Effect.gen(function* () {
      const word = `w${next().toString().slice(2)}`
      const busy = next() < 0.5
      yield* running().file.write("word", word)
      yield* Effect.scoped(
        Effect.gen(function* () {
          if (busy) yield* running().cmd.execAsync("while :; do date > clock; mv clock time; done")
          const { id } = yield* devboxes.snapshotDisk(running().id)
          kept.push(id)
          say({ kept: id, word })
        })
      )
    }),
    fork: Effect.suspend(() =>
      Effect.scoped(
        Effect.flatMap(running().fork(2), (forks) => Effect.forEach(forks, ({ cmd }) => cmd.execOrFail("cat .profile")))
      )
    ),
    suspend: Effect.suspend(() =>
      Effect.all([
        devboxes.suspend(running().id),
        devboxes.awaitSuspended(running().id),
        devboxes.resume(running().id),
        devboxes.awaitRunning(running().id)
      ])
    ),
    delete: Effect.suspend(() => {
      const id = kept.shift()
      if (id === undefined) return Effect.void
      say({ deleting: id })
      return devboxes.attachSnapshot(id).delete
    })
  }
  const run = (phase: Phase) =>
    Effect.gen(function* () {
      const begun = performance.now()
      say({ begin: phase })
      yield* acts[phase]
      say({ end: phase, ms: performance.now() - begun })
    })
  yield* run("create")
  yield* run("snapshot")
  while (true) {
    yield* run(phases[Math.floor(next() * phases.length)]!)
    if (kept.length === 0) yield* run("snapshot")
  }
})
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(local(dir))))
