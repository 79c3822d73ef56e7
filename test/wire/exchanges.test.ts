/** Traffic is recorded once and then answers for the service: the same program, the same results, no server and no secret. */
import { Devbox, DevboxService } from "@effect-devbox/core"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import { Exchanges } from "@effect-devbox/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { apiKey, layerInProcess } from "./support.ts"

const over = (client: Layer.Layer<HttpClient.HttpClient>) =>
  DevboxService.layer.pipe(
    Layer.provide(RunloopBackend.layer({ apiKey, baseUrl: "http://api.devbox.test" })),
    Layer.provide(client)
  )

const commands = [{ match: "npm test", stdout: "12 passed\n" }]

const program = Effect.gen(function* () {
  const devbox = yield* Devbox.create({ name: "recorded" })
  yield* devbox.file.upload("data.bin", new Uint8Array([0, 255, 128]))
  const bytes = yield* devbox.file.download("data.bin")
  const { exitCode, stdout } = yield* devbox.cmd.exec("npm test")
  const execution = yield* devbox.cmd.execAsync("npm test")
  const streamed = yield* Stream.mkString(execution.stdout)
  const { authToken } = yield* devbox.net.enableTunnel({ authMode: "authenticated" })
  const key = authToken === undefined ? "" : Redacted.value(authToken)
  return { id: devbox.id, bytes: [...bytes], exitCode, stdout, streamed, key }
}).pipe(Effect.scoped)

/** Runs the program against a server and keeps the traffic as a file would. */
const recorded = Effect.scoped(
  Effect.gen(function* () {
    const server = yield* Effect.map(Layer.build(layerInProcess().pipe(Layer.provide(memory({ commands })))), (built) =>
      Effect.runSync(Effect.provide(HttpClient.HttpClient, built))
    )
    const recording = yield* Exchanges.record(server)
    const result = yield* Effect.provide(program, over(Layer.succeed(HttpClient.HttpClient, recording.client)))
    return { result, file: yield* Schema.encodeEffect(Exchanges.ExchangesJson)(yield* recording.exchanges) }
  })
)

const replayed = (file: string) =>
  Effect.map(Schema.decodeEffect(Exchanges.ExchangesJson)(file), (exchanges) => over(Exchanges.layerReplay(exchanges)))

describe("recorded exchanges", () => {
  it.live("give the same results without a server", () =>
    Effect.gen(function* () {
      const { file, result } = yield* recorded
      const again = yield* Effect.provide(program, yield* replayed(file))
      assert.deepStrictEqual(again, { ...result, key: "<redacted>" })
      assert.deepStrictEqual([again.bytes, again.stdout, again.streamed], [[0, 255, 128], "12 passed\n", "12 passed\n"])
    })
  )

  it.live("hold no credentials", () =>
    Effect.gen(function* () {
      const { file, result } = yield* recorded
      assert.isAbove(result.key.length, 0)
      assert.notInclude(file, result.key)
      assert.notInclude(file, JSON.stringify(result.key).slice(1, -1))
      assert.notInclude(file, Redacted.value(apiKey))
    })
  )

  it.live("mask what is secret in an address, and still answer to it", () =>
    Effect.gen(function* () {
      const address = "http://store.test/part/a?X-Amz-Credential=me%2Fx&X-Amz-Signature=abc123&limit=7&token=t0k3n"
      const server = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, new Response("kept")))
      )
      const recording = yield* Exchanges.record(server)
      yield* recording.client.get(address)
      const exchanges = yield* recording.exchanges
      assert.deepStrictEqual(
        exchanges.map(({ path }) => path),
        ["/part/a?X-Amz-Credential=redacted&X-Amz-Signature=redacted&limit=7&token=redacted"]
      )
      const again = HttpClient.get(address).pipe(Effect.flatMap((answer) => answer.text))
      assert.strictEqual(yield* Effect.provide(again, Exchanges.layerReplay(exchanges)), "kept")
    })
  )

  it.live("refuse what was not recorded, and say what comes next", () =>
    Effect.gen(function* () {
      const { file } = yield* recorded
      const other = Effect.scoped(Effect.flatMap(Devbox.create(), (devbox) => devbox.suspend))
      const error = yield* Effect.flip(Effect.provide(other, yield* replayed(file)))
      assert.include(error.message, "was not recorded")
      assert.include(error.message, "next come")
    })
  )
})
