import { Devbox, DevboxService } from "@effect-devbox/core"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Layer, ManagedRuntime } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
const d = mkdtempSync("/tmp/esc-pt-")
const rt = ManagedRuntime.make(DevboxService.layer.pipe(Layer.provide(LocalBackend.layer({ stateDir: d, tier: "process" }))))
for (let i = 0; i < 3; i++) await rt.runPromise(Effect.scoped(Effect.gen(function* () {
  let t = performance.now(); const lap = (n: string) => { const x = performance.now(); console.log(n, (x - t).toFixed(0)); t = x }
  const b = yield* Devbox.create({ minimumIsolation: "process" }); lap("create")
  yield* b.cmd.exec("echo hi"); lap("exec")
  yield* b.close; lap("close")
})))
await rt.dispose(); rmSync(d, { recursive: true })
