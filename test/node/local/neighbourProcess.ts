/** See `recovery.test.ts`: owns a devbox; lets its command go on at a word on stdin and ends in order at the end of stdin. */
import { Devbox } from "@effect-devbox/core"
import { Effect, Stream } from "effect"
import { once } from "node:events"
import { local } from "./fixtures.ts"

const program = Effect.gen(function* () {
  const devbox = yield* Devbox.create()
  const execution = yield* devbox.cmd.execAsync(
    "echo begun; while [ ! -e go ]; do sleep 0.01; done; echo ended; exit 4"
  )
  yield* Stream.runHead(execution.stdout)
  console.log(JSON.stringify({ id: devbox.id, execution: execution.id }))
  yield* Effect.promise(() => once(process.stdin, "data"))
  yield* devbox.file.write("go", "")
  yield* Effect.promise(() => once(process.stdin, "end"))
})
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(local(process.argv[2]!))))
