import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { backendLaws } from "../../packages/core/src/testing/laws/backend/index.ts"
import { judgeVirtually } from "../../packages/core/src/testing/laws/judge.ts"
import * as Effect from "effect/Effect"
for (const holds of [true, false]) {
  const t = Date.now()
  let n = 0
  for (const law of backendLaws) {
    const layer = MemoryBackend.layer({ holds, commands: [{ match: /^echo-server \d+$/, run: (p) => Effect.andThen(p.listen(Number(p.command.split(" ")[1]), (r) => r), Effect.never) }] })
    const t0 = performance.now(); const v = await judgeVirtually(law, layer, { echoServer: (port) => `echo-server ${port}` })
    n++; const dt = performance.now()-t0; if (dt>150) console.log(law.id, Math.round(dt))
    if (v._tag !== "Holds") console.log(law.id, v)
  }
  console.log(n, Date.now() - t)
}
