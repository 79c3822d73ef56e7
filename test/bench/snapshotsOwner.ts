/** Owns devboxes with nine processes each, some of which do not want to end, until it is killed: `node snapshotsOwner.ts DIR COUNT`. */
import { Devbox } from "@effect-devbox/core"
import { Effect } from "effect"
import { local } from "../node/local/fixtures.ts"

const [dir = "", count = "1"] = process.argv.slice(2)
const stubborn = `for i in 1 2; do setsid sleep 1000 & nohup sleep 1000 & (trap "" TERM HUP INT; sleep 1000) & done; echo up; wait`

const program = Effect.gen(function* () {
  yield* Effect.forEach(
    Array.from({ length: Number(count) }),
    () => Effect.flatMap(Devbox.create(), ({ cmd }) => cmd.execDetached(stubborn)),
    { concurrency: 4 }
  )
  console.log("up")
  return yield* Effect.never
})
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(local(dir))))
