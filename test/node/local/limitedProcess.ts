/** See `limits.test.ts`: owns a devbox with a size, in which something runs, until it is killed. */
import { Devbox } from "@effect-devbox/core"
import { LaunchParameters } from "@effect-devbox/core/DevboxModel"
import { Effect } from "effect"
import { local } from "./fixtures.ts"

const program = Effect.gen(function* () {
  const launchParameters = new LaunchParameters({ resourceSizeRequest: "X_SMALL" })
  const box = yield* Devbox.create({ launchParameters })
  yield* box.cmd.execDetached("setsid sleep 1000 & sleep 1000")
  console.log(box.id)
  process.stdin.resume()
  return yield* Effect.never
})
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(local(process.argv[2]!))))
