import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import { Effect, Layer, Stream } from "effect"
import { overTheWire } from "./support.ts"

describe.each(["plain", "ours"] as const)("%s", (mode) => {
  it.effect("runs a whole life", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const layer = DevboxService.layer.pipe(Layer.provide(overTheWire(memory(), mode, (e) => log.push(`${e.method} ${e.url} ${e.status}`))))
      yield* Effect.gen(function* () {
        const devbox = yield* DevboxService.use((s) => s.create({ name: "x" }))
        yield* devbox.file.write("/home/user/a.txt", "héllo\n")
        assert.strictEqual(yield* devbox.file.read("a.txt"), "héllo\n")
        yield* devbox.file.upload("b.bin", new Uint8Array([0, 255, 1]))
        assert.deepStrictEqual([...(yield* devbox.file.download("b.bin"))], [0, 255, 1])
        const result = yield* devbox.cmd.exec("cat a.txt; echo err >&2; exit 3")
        assert.strictEqual(result.stdout, "héllo\n")
        assert.strictEqual(result.exitCode, 3)
        const execution = yield* devbox.cmd.execAsync("echo one; echo two")
        assert.strictEqual(yield* Stream.mkString(execution.stdout), "one\ntwo\n")
        const tunnel = yield* devbox.net.createTunnel(8080)
        console.log(tunnel.url)
        const error = yield* Effect.flip(devbox.file.read("/nope"))
        console.log(error.message)
        assert.strictEqual(error._tag, "FileError")
      }).pipe(Effect.scoped, Effect.provide(layer))
      console.log(log.join("\n"))
    }), 10000)
})
