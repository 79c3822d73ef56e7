/**
 * One of several owners of one state directory: `node owner.ts STATE_DIR SEED SECONDS`. Does random things with devboxes and
 * snapshots of its own, closes and opens the backend and sweeps now and then, and looks after each step whether what is its own
 * is as it left it. Says what it did as JSON.
 */
import { Devbox, DevboxService } from "@effect-devbox/core"
import type { Devbox as Handle } from "@effect-devbox/core/DevboxHandle"
import { LocalBackend } from "@effect-devbox/node"
import { Cause, Effect } from "effect"
import { local } from "../../node/local/fixtures.ts"
import { random } from "../crash/random.ts"

const [dir = "", seed = "1", seconds = "10"] = process.argv.slice(2)
const next = random(Number(seed))
const until = performance.now() + Number(seconds) * 1000
const pick = <A>(from: ReadonlyArray<A>): A | undefined => from[Math.floor(next() * from.length)]

/** What is this owner's: words by id, each in the file `mine`. Detached devboxes outlive the backend. */
const scoped = new Map<string, string>()
const detached = new Map<string, string>()
const snapshots = new Map<string, string>()
const steps: Record<string, number> = {}
const problems: Array<string> = []

const word = (): string => `w${Math.floor(next() * 1e9)}`
const boxes = () => new Map([...scoped, ...detached])

const make = (create: Effect.Effect<Handle, unknown, DevboxService>, into: Map<string, string>, expected?: string) =>
  Effect.gen(function* () {
    const devbox = yield* create
    if (expected !== undefined) {
      const found = yield* devbox.file.read("mine")
      if (found !== expected) problems.push(`a devbox from a snapshot has ${found}, not ${expected}`)
    }
    const mine = word()
    yield* devbox.file.write("mine", mine)
    into.set(devbox.id, mine)
  })

const steady = (devboxes: DevboxService["Service"]) => {
  const withBox = <A, E, R>(use: (id: Handle["id"]) => Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<unknown, E, R> => {
      const id = pick([...boxes().keys()])
      return id === undefined ? Effect.void : use(devboxes.attach(id).id)
    })
  // Kept by this process, so that its end is this process's to see.
  const create = (options = {}) => Devbox.createDetached(options)
  return {
    detached: make(create(), detached),
    from: Effect.suspend(() => {
      const id = pick([...snapshots.keys()])
      return id === undefined ? Effect.void : make(create({ from: { snapshot: id } }), detached, snapshots.get(id))
    }),
    exec: withBox((id) => devboxes.exec(id, "echo $RANDOM > noise; cat noise")),
    snapshot: withBox((id) =>
      Effect.map(devboxes.snapshotDisk(id), (snapshot) => void snapshots.set(snapshot.id, boxes().get(id) ?? ""))
    ),
    suspend: withBox((id) =>
      Effect.all([devboxes.suspend(id), devboxes.awaitSuspended(id), devboxes.resume(id), devboxes.awaitRunning(id)])
    ),
    shutdown: withBox((id) => {
      scoped.delete(id)
      detached.delete(id)
      return devboxes.shutdown(id)
    }),
    forget: Effect.suspend(() => {
      const id = pick([...snapshots.keys()])
      if (id === undefined) return Effect.void
      snapshots.delete(id)
      return devboxes.attachSnapshot(id).delete
    }),
    gc: LocalBackend.gc(dir)
  }
}

/** One opening of the backend. */
const session = Effect.gen(function* () {
  const devboxes = yield* DevboxService
  const acts = steady(devboxes)
  const names = Object.keys(acts) as Array<keyof typeof acts>
  const one = yield* Devbox.create()
  yield* one.file.write("mine", "scoped")
  scoped.set(one.id, "scoped")
  const length = 5 + Math.floor(next() * 15)
  for (let step = 0; step < length && performance.now() < until; step++) {
    const full = detached.size >= 3
    const name = pick(full ? names.filter((each) => each !== "detached" && each !== "from") : names)!
    steps[name] = (steps[name] ?? 0) + 1
    yield* Effect.catchCause(acts[name] as Effect.Effect<unknown, unknown, DevboxService>, (cause) =>
      Effect.sync(() => void problems.push(`${name} failed: ${Cause.pretty(cause).slice(0, 500)}`))
    )
    for (const [id, mine] of boxes()) {
      const found = yield* Effect.exit(devboxes.attach(id).file.read("mine"))
      if (found._tag === "Failure" || found.value !== mine) {
        problems.push(`after ${name}, ${id} has ${JSON.stringify(found).slice(0, 500)}, not ${mine}`)
      }
    }
  }
  scoped.clear()
}).pipe(Effect.scoped)

const end = Effect.gen(function* () {
  const devboxes = yield* DevboxService
  for (const id of detached.keys()) yield* devboxes.shutdown(devboxes.attach(id).id)
  for (const id of snapshots.keys()) yield* devboxes.attachSnapshot(id).delete
})

let sessions = 0
while (performance.now() < until && problems.length < 5) {
  await Effect.runPromise(Effect.provide(session, local(dir)))
  sessions++
}
await Effect.runPromise(Effect.provide(end, local(dir)))
process.stdout.write(JSON.stringify({ sessions, steps, problems }))
