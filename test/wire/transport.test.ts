/** What goes wrong between client and server, on real sockets: whether the operation may have happened is said rightly. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend, RequestKey, type Shape } from "@effect-devbox/core/DevboxBackend"
import type { BackendError } from "@effect-devbox/core/DevboxError"
import * as DevboxLeaks from "@effect-devbox/core/DevboxLeaks"
import type { Devbox } from "@effect-devbox/core/DevboxHandle"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import { CreateParams, DevboxId } from "@effect-devbox/core/DevboxModel"
import { ExecutionId } from "@effect-devbox/core/Execution"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import { NodeHttpClient } from "@effect/platform-node"
import { ConfigProvider, Duration, Effect, Fiber, Layer, Redacted, Result, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { createServer, type Socket } from "node:net"
import { type Asked, canned, executionView, type Reply, view } from "./canned.ts"

const id = DevboxId.make("dbx_1")
const create = (backend: Shape) => backend.create(new CreateParams({}))
const get = (backend: Shape) => backend.get(id)

/** A listener that treats each connection as it is told, once the head of a request has come. */
const listener = (treat: (socket: Socket, head: string) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: Effect.Effect<void> }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.once("close", () => sockets.delete(socket))
        socket.once("data", (data) => treat(socket, String(data)))
      })
      const close = Effect.callback<void>((done) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => done(Effect.void))
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed({ port: typeof address === "object" && address !== null ? address.port : 0, close }))
      })
    }),
    ({ close }) => close
  )

const backendAt = (port: number) =>
  RunloopBackend.make({ apiKey: Redacted.make("a-secret-key"), baseUrl: `http://127.0.0.1:${port}` })

const failed = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.flip(effect), (error) => error as BackendError)

const clients = { undici: NodeHttpClient.layerUndici, fetch: FetchHttpClient.layer } as const

for (const [name, client] of Object.entries(clients)) {
  describe(`over ${name}`, () => {
    it.live("a refused connection was certainly not applied", () =>
      Effect.gen(function* () {
        const { close, port } = yield* listener(() => {})
        yield* close
        const error = yield* failed(create(yield* backendAt(port)))
        assert.strictEqual(error.reason._tag, "TransportError")
        assert.strictEqual(error.outcome, "rejected")
        assert.isTrue(error.isRetryable)
        assert.include(error.message, "ECONNREFUSED")
      }).pipe(Effect.scoped, Effect.provide(client))
    )

    it.live("a connection that is lost after the request leaves a create in doubt, and a look not", () =>
      Effect.gen(function* () {
        const { port } = yield* listener((socket) => socket.resetAndDestroy())
        const backend = yield* backendAt(port)
        const doubt = yield* failed(create(backend))
        assert.strictEqual(doubt.reason._tag, "TransportError")
        assert.strictEqual(doubt.outcome, "ambiguous")
        assert.strictEqual((yield* failed(get(backend))).outcome, "rejected")
      }).pipe(Effect.scoped, Effect.provide(client))
    )

    it.live("a connection that is lost within the answer leaves a create in doubt", () =>
      Effect.gen(function* () {
        const { port } = yield* listener((socket) => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"id":', () =>
            socket.resetAndDestroy()
          )
        })
        const error = yield* failed(create(yield* backendAt(port)))
        assert.strictEqual(error.reason._tag, "TransportError")
        assert.strictEqual(error.outcome, "ambiguous")
      }).pipe(Effect.scoped, Effect.provide(client))
    )

    it.live("a download that is cut short fails, and is never a shorter file", () =>
      Effect.gen(function* () {
        const { port } = yield* listener((socket) => {
          socket.write(
            "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 1000\r\n\r\nabc",
            () => socket.end()
          )
        })
        const backend = yield* backendAt(port)
        const error = yield* failed(Stream.runDrain(backend.download(id, "/x")))
        assert.strictEqual(error.reason._tag, "TransportError")
      }).pipe(Effect.scoped, Effect.provide(client))
    )
  })
}

describe("an answer", () => {
  const answers = {
    "with broken JSON": { body: '{"id":' },
    "of HTML": { body: "<html></html>", headers: { "content-type": "text/html" } },
    "with another shape": { body: { id: 1 } },
    "with nothing in it": { body: "" }
  }
  for (const [what, reply] of Object.entries(answers)) {
    it.effect(`${what} leaves a create in doubt and is not repeated`, () => {
      const { layer } = canned(() => reply)
      return Effect.gen(function* () {
        const error = yield* failed(create(yield* DevboxBackend))
        assert.strictEqual(error.reason._tag, "UnexpectedResponseError")
        assert.strictEqual(error.outcome, "ambiguous")
        assert.isFalse(error.isRetryable)
      }).pipe(Effect.provide(layer))
    })
  }
  it.effect("of JSON under another name is understood", () => {
    const { layer } = canned(() => ({ body: JSON.stringify(view()), headers: { "content-type": "text/plain" } }))
    return Effect.gen(function* () {
      assert.strictEqual((yield* get(yield* DevboxBackend)).id, id)
    }).pipe(Effect.provide(layer))
  })
  it.effect("with words of tomorrow is understood", () => {
    const { layer } = canned(() => ({ body: view({ status: "dreaming", novelty: 1, capabilities: ["x"] }) }))
    return Effect.gen(function* () {
      assert.strictEqual((yield* get(yield* DevboxBackend)).status, "unknown")
    }).pipe(Effect.provide(layer))
  })
  it.effect("without content is enough where the content means nothing", () => {
    for (const reply of [{ status: 204 }, { body: "" }, { body: '"ok"' }]) {
      const { layer } = canned(() => reply)
      return Effect.provide(
        Effect.flatMap(DevboxBackend, (backend) => backend.keepAlive(id)),
        layer
      )
    }
    return Effect.void
  })
})

describe("time", () => {
  it.effect("ends an ordinary call after half a minute, in doubt if it changes anything", () => {
    const { layer } = canned(() => "never")
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const fiber = yield* Effect.forkChild(
        Effect.all([failed(create(backend)), failed(get(backend))], { concurrency: 2 }),
        {
          startImmediately: true
        }
      )
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const [doubt, look] = yield* Fiber.join(fiber)
      assert.strictEqual(doubt.outcome, "ambiguous")
      assert.strictEqual(look.outcome, "rejected")
      assert.include(doubt.message, "30s")
    }).pipe(Effect.provide(layer))
  })

  it.effect("of a body that trickles in counts, too", () => {
    const { layer } = canned(() => ({ body: { pieces: ["{"], then: "silence" as const } }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const fiber = yield* Effect.forkChild(failed(get(backend)), { startImmediately: true })
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "TransportError")
    }).pipe(Effect.provide(layer))
  })

  it.effect("of a transfer does not count while bytes come, and counts when none do", () => {
    const { layer } = canned(() => ({ body: { pieces: ["abc"], then: "silence" as const } }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const fiber = yield* Effect.forkChild(failed(Stream.runDrain(backend.download(id, "/x"))), {
        startImmediately: true
      })
      yield* TestClock.adjust("44 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.include((yield* Fiber.join(fiber)).message, "nothing came")
    }).pipe(Effect.provide(layer))
  })

  it.effect("of an upload counts while the server takes nothing, not while the source gives nothing", () => {
    const { layer } = canned(() => "never")
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const piece = new Uint8Array([1])
      // Ten minutes of virtual time between two pieces.
      const late = Effect.as(Effect.sleep("10 minutes"), piece) // virtual time
      const slow = Stream.concat(Stream.make(piece), Stream.fromEffect(late))
      const fiber = yield* Effect.forkChild(failed(backend.upload(id, "/x", slow)), { startImmediately: true })
      yield* TestClock.adjust("10 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Fiber.join(fiber)).outcome, "ambiguous")
    }).pipe(Effect.provide(layer))
  })
})

describe("a host that cannot be reached", () => {
  it.effect.each([
    ["connect", "rejected"],
    ["read", "ambiguous"],
    ["write", "ambiguous"]
  ] as const)("on %s leaves a create %s", ([syscall, outcome]) => {
    const { layer } = canned(() => ({ failure: { code: "EHOSTUNREACH", syscall } }))
    return Effect.gen(function* () {
      assert.strictEqual((yield* failed(create(yield* DevboxBackend))).outcome, outcome)
    }).pipe(Effect.provide(layer))
  })
})

describe("a key", () => {
  it.live.each(Object.entries(clients))("of a file that ends in a newline is that key over %s", ([, client]) =>
    Effect.gen(function* () {
      const heads: Array<string> = []
      const { port } = yield* listener((socket, head) => {
        heads.push(head)
        socket.destroy()
      })
      const baseUrl = `http://127.0.0.1:${port}`
      yield* failed(create(yield* RunloopBackend.make({ apiKey: Redacted.make("a-secret-key\n"), baseUrl })))
      assert.include(heads[0]!, "Bearer a-secret-key\r\n")
    }).pipe(Effect.scoped, Effect.provide(client))
  )

  it.live("that no header can carry is refused before anything is sent", () =>
    Effect.gen(function* () {
      const { port } = yield* listener(() => assert.fail("something was sent"))
      const baseUrl = `http://127.0.0.1:${port}`
      const error = yield* failed(create(yield* RunloopBackend.make({ apiKey: Redacted.make("a\nkey"), baseUrl })))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
      assert.strictEqual(error.outcome, "rejected")
      assert.notInclude(error.message, "a\nkey")
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))
  )
})

describe("the answer to a text that was written", () => {
  const detail = (exit_status: number, stderr: string) => ({ devbox_id: "dbx_1", exit_status, stdout: "", stderr })
  const written = (backend: Shape) =>
    backend.upload(id, "/x", Stream.make(new Uint8Array([65])), { text: true, size: 1 })
  it.effect.each([
    ["tee: /x: Permission denied", "PermissionDenied"],
    ["tee: /x: Is a directory", "Unknown"],
    ["tee: /x: No space left on device", "NoSpace"],
    ["", "Unknown"]
  ] as const)("that it went wrong, %j, is a failure of kind %s", ([stderr, kind]) => {
    const { layer } = canned(() => ({ body: detail(1, stderr) }))
    return Effect.gen(function* () {
      const error = yield* Effect.flip(written(yield* DevboxBackend))
      assert.strictEqual(error._tag === "FileError" ? error.kind : error._tag, kind)
      assert.include(error.message, stderr)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is awaited for as long as a slow connection takes", () => {
    const late = { pieces: [JSON.stringify(detail(0, ""))], every: "2 minutes" } as const
    const { layer } = canned(() => ({ headers: { "content-type": "application/json" }, body: late }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const size = 8 * 1024 * 1024
      const large = backend.upload(id, "/x", Stream.make(new Uint8Array(size)), { text: true, size })
      const fiber = yield* Effect.forkChild(large, { startImmediately: true })
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* Fiber.join(fiber)).exitStatus, 0)
    }).pipe(Effect.provide(layer))
  })
})

describe("input", () => {
  it.effect("that the command did not take is not taken for given", () => {
    const { layer } = canned(() => ({ body: { devbox_id: "d", execution_id: "e", success: false } }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const error = yield* failed(backend.sendStdin(id, ExecutionId.make("e"), { signal: "EOF" }))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
      assert.strictEqual(error.outcome, "rejected")
    }).pipe(Effect.provide(layer))
  })
})

describe("a list", () => {
  const snapshot = (id: string) => ({ id, create_time_ms: 1, metadata: {}, source_devbox_id: "dbx_1" })
  it.effect.each([1, 2, 3, 7])("that goes round in %i pages fails instead of going on for ever", (round) => {
    const { asked, layer } = canned((_, index) => {
      // Three pages lead to the round.
      const number = index < 3 ? index : 3 + ((index - 3) % round)
      const items = { devboxes: [view({ id: `dbx_${number}` })], snapshots: [snapshot(`snp_${number}`)] }
      return { body: { ...items, has_more: true } }
    })
    return Effect.gen(function* () {
      const service = yield* DevboxService
      for (const all of [Stream.runDrain(service.list()), Stream.runDrain(service.listSnapshots())]) {
        const error = yield* failed(all)
        assert.strictEqual(error.reason._tag, "UnexpectedResponseError")
        assert.include(error.message, "came again")
        assert.isBelow(asked.splice(0).length, 30)
      }
    }).pipe(Effect.provide(DevboxService.layer.pipe(Layer.provide(layer))))
  })

  it.effect("of which a page is empty has ended", () => {
    const { asked, layer } = canned(() => ({ body: { devboxes: [], has_more: true } }))
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Stream.runCollect((yield* DevboxService).list()), [])
      assert.strictEqual(asked.length, 1)
    }).pipe(Effect.provide(DevboxService.layer.pipe(Layer.provide(layer))))
  })
})

describe("a command whose start is in doubt", () => {
  const reset = { failure: { code: "ECONNRESET", syscall: "read" } } as const
  const run = <A, E>(reply: (asked: Asked) => Reply, use: (devbox: Devbox) => Effect.Effect<A, E>) => {
    const { asked, layer } = canned(reply)
    const told = DevboxLeaks.collect(
      Effect.gen(function* () {
        const devbox = (yield* DevboxService).attach(id)
        const fiber = yield* Effect.forkChild(Effect.result(use(devbox)), { startImmediately: true })
        while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 minute")
        return yield* Fiber.join(fiber)
      })
    ).pipe(Effect.provide(DevboxService.layer.pipe(Layer.provide(layer))))
    return Effect.map(told, ({ leaks, value }) => ({ asked, leaks, value }))
  }

  it.effect.each([409, 400])("is the one whose id a second sending finds taken, with %i", (status) => {
    let sent = 0
    return Effect.gen(function* () {
      const { value } = yield* run(
        ({ path }) =>
          path.endsWith("/execute")
            ? sent++ === 0
              ? reset
              : { status, body: { message: "the id is taken" } }
            : { body: executionView() },
        (devbox) => devbox.cmd.execDetached("ls")
      )
      assert.strictEqual<unknown>(Result.isSuccess(value) ? value.success.id : value.failure, "exec_1")
      assert.strictEqual(sent, 2)
    })
  })

  it.effect("and has stdin is sent once, and what may run is reported, since nobody can find it", () =>
    Effect.gen(function* () {
      const uses = [
        (devbox: Devbox) => devbox.cmd.execDetached("cat", { attachStdin: true }),
        (devbox: Devbox) => devbox.cmd.execDetached("cat", { attachStdin: true, commandId: ExecutionId.make("mine") }),
        (devbox: Devbox) => Effect.scoped(devbox.cmd.execAsync("cat", { attachStdin: true }))
      ]
      for (const use of uses) {
        const { asked, leaks, value } = yield* run(() => reset, use)
        assert.strictEqual(asked.length, 1)
        assert.isTrue(Result.isFailure(value) && String(value.failure).includes("not known whether"))
        assert.deepStrictEqual(
          leaks.map(({ devboxId, resource }) => [resource, devboxId]),
          [["execution", id]]
        )
      }
    })
  )
})

describe("a signal", () => {
  it.effect("that is news to a command ends none where there is one kill", () => {
    const { asked, layer } = canned(() => ({ body: executionView() }))
    return Effect.gen(function* () {
      const { kill } = (yield* DevboxService).attachExecution(id, ExecutionId.make("e"))
      for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
        assert.strictEqual((yield* failed(kill({ signal }))).reason._tag, "UnsupportedError")
      }
      assert.deepStrictEqual(asked, [])
      yield* kill({ signal: "SIGTERM" })
      assert.strictEqual(asked.length, 1)
    }).pipe(Effect.provide(DevboxService.layer.pipe(Layer.provide(layer))))
  })
})

describe("a hold", () => {
  it.effect("that ended over something that is gone fails with ResourceNotFound", () => {
    const { layer } = canned(({ path }) => ({ status: path.endsWith("wait_for_status") ? 408 : 404, body: "" }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const holds = [
        backend.waitForStatus!(id, ["running"], Duration.seconds(20)),
        backend.waitForExecution!(id, ExecutionId.make("e"), Duration.seconds(20))
      ]
      for (const hold of holds)
        assert.strictEqual((yield* Effect.flip<unknown, { _tag: string }, never>(hold))._tag, "ResourceNotFound")
    }).pipe(Effect.provide(layer))
  })

  it.effect("that ended is what is now, never an error", () => {
    const { asked, layer } = canned(({ path }) =>
      path.endsWith("wait_for_status") ? { status: 408, body: "" } : { body: view({ status: "provisioning" }) }
    )
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const info = yield* backend.waitForStatus!(id, ["running"], Duration.seconds(20))
      assert.strictEqual(info.status, "provisioning")
      assert.deepStrictEqual(
        asked.map(({ method, path }) => `${method} ${path}`),
        ["POST /v1/devboxes/dbx_1/wait_for_status", "GET /v1/devboxes/dbx_1"]
      )
    }).pipe(Effect.provide(layer))
  })
})

describe("an id", () => {
  for (const bad of ["", ".", ".."]) {
    it.effect(`${JSON.stringify(bad)} does not exist and nothing is sent`, () => {
      const { asked, layer } = canned(() => ({ body: view() }))
      return Effect.gen(function* () {
        const backend = yield* DevboxBackend
        assert.strictEqual((yield* Effect.flip(backend.get(DevboxId.make(bad))))._tag, "ResourceNotFound")
        assert.strictEqual(
          (yield* Effect.flip(backend.getExecution(DevboxId.make(bad), ExecutionId.make("e"))))._tag,
          "ResourceNotFound"
        )
        assert.strictEqual(
          (yield* Effect.flip(backend.upload(DevboxId.make(bad), "/x", Stream.empty)))._tag,
          "ResourceNotFound"
        )
        assert.deepStrictEqual(asked, [])
      }).pipe(Effect.provide(layer))
    })
  }
  it.effect("with odd characters stays one piece of the path", () => {
    const { asked, layer } = canned(() => ({ body: view() }))
    return Effect.gen(function* () {
      yield* (yield* DevboxBackend).get(DevboxId.make("a/../b?c#d%"))
      assert.strictEqual(asked[0]?.path, "/v1/devboxes/a%2F..%2Fb%3Fc%23d%25")
    }).pipe(Effect.provide(layer))
  })
})

describe("the base URL", () => {
  it.effect("keeps its path", () => {
    const { asked, layer } = canned(() => ({ body: view() }), { baseUrl: "http://h.test/base/" })
    return Effect.gen(function* () {
      yield* get(yield* DevboxBackend)
      assert.strictEqual(asked[0]?.path, "/base/v1/devboxes/dbx_1")
    }).pipe(Effect.provide(layer))
  })
  it.effect("says where tunnels are", () => {
    const tunnel = {
      tunnel_key: "k",
      auth_mode: "public_",
      create_time_ms: 1,
      http_keep_alive: true,
      wake_on_http: false
    }
    const { layer } = canned(() => ({ body: view({ tunnel }) }), { baseUrl: "http://api.box.test:8080" })
    return Effect.gen(function* () {
      const info = yield* get(yield* DevboxBackend)
      assert.strictEqual(info.tunnel?.urlTemplate, "https://{port}-k.tunnel.box.test")
      assert.strictEqual(info.tunnel?.authMode, "open")
    }).pipe(Effect.provide(layer))
  })
  it.effect("is Runloop's where the environment has a blank one", () =>
    Effect.gen(function* () {
      const environment = ConfigProvider.fromUnknown({ RUNLOOP_API_KEY: "k", RUNLOOP_BASE_URL: " " })
      const { baseUrl } = yield* RunloopBackend.config().parse(environment)
      assert.strictEqual(baseUrl, RunloopBackend.defaultBaseUrl)
    })
  )
  it.effect("comes from the environment with the key, which shows nowhere", () =>
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const error = yield* failed(create(backend))
      assert.include(error.message, "http://127.0.0.1:1")
      assert.notInclude(JSON.stringify(error) + error.message + String(error.stack), "env-secret")
    }).pipe(
      Effect.provide(
        RunloopBackend.layerConfig().pipe(
          Layer.provide(NodeHttpClient.layerUndici),
          Layer.provide(
            ConfigProvider.layer(
              ConfigProvider.fromUnknown({ RUNLOOP_API_KEY: "env-secret", RUNLOOP_BASE_URL: "http://127.0.0.1:1" })
            )
          )
        )
      )
    )
  )
})

describe("a request key", () => {
  it.effect("of the service is sent, and without one each call has its own", () => {
    const { asked, layer } = canned(() => ({ body: view() }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      yield* Effect.provideService(create(backend), RequestKey, "one-call")
      yield* create(backend)
      yield* create(backend)
      const keys = asked.map(({ headers }) => headers["x-request-id"])
      assert.strictEqual(keys[0], "one-call")
      assert.strictEqual(new Set(keys).size, 3)
    }).pipe(Effect.provide(layer))
  })
})

describe("what only a server of ours understands", () => {
  it.effect("is not sent to Runloop, and refused where leaving it out would change what is asked", () => {
    const { asked, layer } = canned(() => ({ body: view() }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      yield* backend.create(new CreateParams({ detached: true, minimumIsolation: "isolated", name: "n" }))
      assert.deepStrictEqual(JSON.parse(asked[0]!.body), { name: "n" })
      const refusals = [
        failed(backend.create(new CreateParams({ network: "none" }))),
        failed(backend.startExecution(id, { commandId: ExecutionId.make("e"), command: "x", env: { A: "1" } })),
        failed(backend.removeTunnel(id, { port: 80 })),
        failed(backend.sendStdin(id, ExecutionId.make("e"), { bytes: new Uint8Array([0xff]) }))
      ]
      for (const refusal of refusals) {
        const error = yield* refusal
        assert.strictEqual(error.reason._tag, "UnsupportedError")
        assert.strictEqual(error.outcome, "rejected")
      }
      assert.strictEqual(asked.length, 1)
    }).pipe(Effect.provide(layer))
  })
  it.effect("words are quoted for bash, so that none is read as more than a word", () => {
    const { asked, layer } = canned(() => ({ body: { devbox_id: "d", execution_id: "e", status: "running" } }))
    return Effect.gen(function* () {
      const backend = yield* DevboxBackend
      yield* backend.startExecution(id, { commandId: ExecutionId.make("e"), command: ["echo", "a b", "$(rm)", "it's"] })
      assert.strictEqual((JSON.parse(asked[0]!.body) as { command: string }).command, `echo 'a b' '$(rm)' 'it'\\''s'`)
    }).pipe(Effect.provide(layer))
  })
})
