import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MemoryBackend from "./MemoryBackend.ts"
import { DevboxService } from "./DevboxService.ts"
const mb = () => { (globalThis as any).gc(); return Math.round(process.memoryUsage().heapUsed / 1e6) }
const program = Effect.gen(function* () {
  const s = yield* DevboxService
  const cycle = Effect.scoped(Effect.flatMap(s.create(), (d) => d.cmd.exec("echo hi")))
  for (let round = 0; round < 5; round++) {
    const t = Date.now()
    yield* Effect.repeat(cycle, { times: 3000 })
    console.log(round, mb(), "MB", Date.now() - t, "ms")
  }
})
await Effect.runPromise(program.pipe(Effect.provide(DevboxService.layer.pipe(Layer.provideMerge(MemoryBackend.layer())))))
