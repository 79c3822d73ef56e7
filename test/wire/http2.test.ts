/** HTTP/2 in earnest: our client by prior knowledge and by negotiation, against our server on its one port. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { CreateParams } from "@effect-devbox/core/DevboxModel"
import * as RunloopNode from "@effect-devbox/node/RunloopNode"
import { Duration, Effect, Fiber, Layer, Stream } from "effect"
import { HttpClient } from "effect/http"
import { ExecutionId } from "@effect-devbox/core/Execution"
import { keys, serve } from "../node/server/support.ts"
import { record } from "./difference/recorder.ts"

const recorder = Effect.acquireRelease(
  Effect.promise(() => record()),
  (made) => Effect.promise(() => made.close())
)

describe("the client for Node", () => {
  for (const [http2, version] of [
    [true, "1.1"],
    [false, "1.1"],
    ["priorKnowledge", "2.0"]
  ] as const) {
    it.live(`speaks HTTP/${version} on a plain port with http2: ${JSON.stringify(http2)}`, () =>
      Effect.gen(function* () {
        const { take, url } = yield* recorder
        yield* Effect.gen(function* () {
          const client = yield* HttpClient.HttpClient
          const ask = Effect.flatMap(client.get(`${url}/v1/devboxes/dbx_1`), (response) => response.text)
          yield* Effect.all(
            Array.from({ length: 50 }, () => ask),
            { concurrency: "unbounded" }
          )
        }).pipe(Effect.provide(RunloopNode.layerClient(url, { http2, primed: 0 })))
        assert.deepStrictEqual(
          take().map((one) => one.version),
          Array.from({ length: 50 }, () => version)
        )
      })
    )
  }
})

describe("over HTTP/2", () => {
  const backend = (http2: "priorKnowledge", connections: number) =>
    Effect.gen(function* () {
      const { url } = yield* serve()
      const layer = RunloopNode.layerNode({ apiKey: keys.alice, baseUrl: url, http2, connections })
      return yield* Effect.provide(DevboxBackend, yield* Layer.build(layer))
    })

  it.live("three hundred holds starve no short call, on one connection for calls", () =>
    Effect.gen(function* () {
      const { create, get, suspend, waitForStatus } = yield* backend("priorKnowledge", 1)
      const { id } = yield* create(new CreateParams({}))
      const held = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 300 }, () => waitForStatus!(id, ["suspended"], Duration.seconds(20))),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      const calls = yield* Effect.all(
        Array.from({ length: 100 }, () => get(id)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(calls.length, 100)
      assert.isUndefined(held.pollUnsafe())
      yield* suspend(id)
      assert.strictEqual((yield* Fiber.join(held)).length, 300)
    })
  )

  it.live("files, output and short calls pass side by side", () =>
    Effect.gen(function* () {
      const { create, download, get, output, startExecution, upload } = yield* backend("priorKnowledge", 2)
      const { id } = yield* create(new CreateParams({}))
      const size = 8 * 1024 * 1024
      const piece = new Uint8Array(64 * 1024).fill(7)
      const contents = Stream.fromIterable(Array.from({ length: size / piece.length }, () => piece))
      const transfer = Effect.andThen(
        upload(id, "/tmp/big", contents, { size }),
        Stream.runFold(
          download(id, "/tmp/big"),
          () => 0,
          (sum, bytes: Uint8Array) => sum + bytes.length
        )
      )
      const commandId = ExecutionId.make("0192-over-h2")
      const run = Effect.andThen(
        startExecution(id, { commandId, command: "echo hello" }),
        Stream.runCollect(output(id, commandId, "stdout", { stdout: 0, stderr: 0 }))
      )
      const looks = Effect.all(
        Array.from({ length: 50 }, () => get(id)),
        { concurrency: 5 }
      )
      const [bytes, events] = yield* Effect.all([transfer, run, looks], { concurrency: "unbounded" })
      assert.strictEqual(bytes, size)
      const text = events.flatMap((event) => (event._tag === "Chunk" ? [new TextDecoder().decode(event.bytes)] : []))
      assert.strictEqual(text.join(""), "hello\n")
    })
  )
})
