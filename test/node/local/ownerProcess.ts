/** See `ownership.test.ts`: owns two devboxes until it is killed. */
import { Devbox } from "@effect-devbox/core"
import { Effect } from "effect"
import { local } from "./fixtures.ts"

const dir = process.argv[2]!
const program = Effect.gen(function* () {
  const scoped = yield* Devbox.create({ name: "scoped" })
  yield* scoped.cmd.execDetached("sleep 1000")
  const detached = yield* Devbox.createDetached({ name: "detached" })
  yield* detached.file.write("note", "left for you\n")
  const execution = yield* detached.cmd.execDetached(
    "echo begun; while [ ! -e go ]; do sleep 0.01; done; echo ended; exit 5"
  )
  console.log(JSON.stringify({ scoped: scoped.id, detached: detached.id, execution: execution.id }))
  process.stdin.resume()
  return yield* Effect.never
})
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(local(dir))))
