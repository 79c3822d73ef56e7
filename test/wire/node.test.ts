/** The client for Node: open before it is used, never blocked by what lasts, closed with its scope; and files of any size. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { CreateParams, DevboxId } from "@effect-devbox/core/DevboxModel"
import { ExecutionDetail } from "@effect-devbox/core/Execution"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import * as RunloopNode from "@effect-devbox/node/RunloopNode"
import { NodeHttpClient } from "@effect/platform-node"
import { Duration, Effect, Fiber, Layer, Stream } from "effect"
import { FetchHttpClient, HttpServer } from "effect/http"
import { createServer, type Server } from "node:http"
import { stub } from "../core/stubs.ts"
import { format } from "./lostCreates.ts"
import { lostCreatesOverSockets } from "./lostCreatesSockets.ts"
import { apiKey, layerServer } from "./support.ts"

const portOf = Effect.map(HttpServer.HttpServer, ({ address }) => ("port" in address ? address.port : 0))
const id = DevboxId.make("dbx_1")

interface Counting {
  readonly url: string
  readonly open: () => number
  readonly changed: () => Promise<void>
}

/** A server that says how many connections it has. */
const counting = Effect.acquireRelease(
  Effect.callback<Counting & { readonly server: Server }>((resume) => {
    let open = 0
    let tell: Array<() => void> = []
    const changed = (by: number) => {
      open += by
      const told = tell
      tell = []
      for (const one of told) one()
    }
    const server = createServer((_, response) => response.end("{}"))
    server.on("connection", (socket) => {
      changed(1)
      socket.once("close", () => changed(-1))
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(
        Effect.succeed({
          url: `http://127.0.0.1:${port}`,
          open: () => open,
          changed: () => new Promise<void>((resolve) => tell.push(resolve)),
          server
        })
      )
    })
  }),
  ({ server }) => Effect.sync(() => server.close())
)

const until = (server: Counting, connections: number) =>
  Effect.promise(async () => {
    while (server.open() !== connections) await server.changed()
  })

describe("the client for Node", () => {
  it.live("opens connections before the first call and closes them with its scope", () =>
    Effect.gen(function* () {
      const server = yield* counting
      yield* Effect.gen(function* () {
        yield* DevboxBackend
        yield* until(server, 3)
      }).pipe(Effect.provide(RunloopNode.layerNode({ apiKey, baseUrl: server.url, primed: 3 })))
      yield* until(server, 0)
    }).pipe(Effect.scoped)
  )

  it.live("answers short calls over one connection while others are held", () =>
    Effect.gen(function* () {
      const port = yield* portOf
      yield* Effect.gen(function* () {
        const backend = yield* DevboxBackend
        const { id } = yield* backend.create(new CreateParams({}))
        const held = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 20 }, () => backend.waitForStatus!(id, ["suspended"], Duration.seconds(20))),
            { concurrency: "unbounded" }
          ),
          { startImmediately: true }
        )
        for (let call = 0; call < 10; call++) yield* backend.get(id)
        assert.isUndefined(held.pollUnsafe())
        yield* backend.suspend(id)
        assert.strictEqual((yield* Fiber.join(held)).length, 20)
      }).pipe(Effect.provide(RunloopNode.layerNode({ apiKey, baseUrl: `http://127.0.0.1:${port}`, connections: 1 })))
    }).pipe(Effect.provide(layerServer(memory())))
  )
})

it.live(
  "a create whose answer is lost with its socket leaves no devbox: 25 runs",
  () =>
    Effect.gen(function* () {
      const { fates, report } = yield* lostCreatesOverSockets({ runs: 25, concurrency: 25, seed: 1, lagMs: 1000 })
      console.log(`    ${format(report, fates)}`)
      assert.strictEqual(report.left, 0)
      assert.isAtLeast(fates.lost, 12)
      assert.isAtMost(report.unsure, fates.unreached)
    }),
  120_000
)

/** A backend of which files are only counted. */
const size = 192 * 1024 * 1024
const piece = new Uint8Array(64 * 1024).fill(7)
const pieces = Stream.fromIterable({
  *[Symbol.iterator]() {
    for (let sent = 0; sent < size; sent += piece.length) yield piece
  }
}).pipe(Stream.rechunk(1))

const counted = Layer.succeed(
  DevboxBackend,
  stub({
    upload: (devboxId, _, contents) =>
      Stream.runFold(
        contents,
        () => 0,
        (sum, bytes: Uint8Array) => sum + bytes.length
      ).pipe(
        Effect.map(
          (sum) => new ExecutionDetail({ devboxId, exitStatus: sum === size ? 0 : 1, stdout: "", stderr: "" })
        ),
        Effect.tap((detail) => Effect.sync(() => assert.strictEqual(detail.exitStatus, 0)))
      ),
    download: () => pieces
  })
)

/** How much the memory of the process grew at most while something ran, in MiB. */
const growth = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const before = process.memoryUsage().rss
    let most = before
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss)
    }, 20)
    return Effect.as(effect.pipe(Effect.ensuring(Effect.sync(() => clearInterval(timer)))), 0).pipe(
      Effect.map(() => Math.round((most - before) / 1024 / 1024))
    )
  })

const http = {
  undici: NodeHttpClient.layerUndici,
  fetch: FetchHttpClient.layer,
  ours: RunloopNode.layerClient("http://127.0.0.1")
}

describe("a file of 192 MiB", () => {
  for (const [name, client] of Object.entries(http)) {
    it.live(`passes both ways over ${name} without being held in memory`, () =>
      Effect.gen(function* () {
        const port = yield* portOf
        const backend = yield* RunloopBackend.make({ apiKey, baseUrl: `http://127.0.0.1:${port}` })
        const up = yield* growth(backend.upload(id, "/big", pieces, { size }))
        const down = yield* growth(
          Effect.map(
            Stream.runFold(
              backend.download(id, "/big"),
              () => 0,
              (sum, bytes: Uint8Array) => sum + bytes.length
            ),
            (sum) => assert.strictEqual(sum, size)
          )
        )
        console.log(`    ${name}: at most ${up} MiB more while sending, ${down} MiB while receiving`)
        assert.isBelow(up, 128)
        assert.isBelow(down, 128)
      }).pipe(Effect.provide([client, layerServer(counted)]))
    )
  }
})
