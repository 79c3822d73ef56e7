/**
 * Client ∘ server is the identity: whatever is asked of a backend directly and over the wire, the answers and the errors are the
 * same, in process with virtual time and over a real socket. What the wire cannot carry is listed here and nowhere else.
 */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend, type Shape } from "@effect-devbox/core/DevboxBackend"
import { RateLimitError, TransportError } from "@effect-devbox/core/DevboxError"
import { AfterIdle, CreateParams, DevboxId, LaunchParameters, SnapshotId } from "@effect-devbox/core/DevboxModel"
import { cursorStart, ExecutionId } from "@effect-devbox/core/Execution"
import { Control, layerControl } from "@effect-devbox/core/MemoryBackend"
import { TunnelOptions } from "@effect-devbox/core/Network"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import { SnapshotParams } from "@effect-devbox/core/Snapshot"
import { NodeHttpClient } from "@effect/platform-node"
import { Duration, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { HttpServer } from "effect/http"
import { TestClock } from "effect/testing"
import { apiKey, layerInProcess, layerServer } from "./support.ts"

type Step = readonly [
  title: string,
  run: (backend: Shape, control: typeof Control.Service) => Effect.Effect<unknown, unknown>
]

const id = DevboxId.make("dbx_000001")
const nobody = DevboxId.make("dbx_nobody")
const command = (name: string) => ExecutionId.make(`command-${name}`)
const snapshot = (number: number) => SnapshotId.make(`snp_${String(number).padStart(6, "0")}`)
/** The bytes of a file, whatever the pieces they came in. */
const contents = <E>(stream: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(stream), (parts) => parts.flatMap((part) => Array.from(part)))
const bytes = (...values: ReadonlyArray<number>) => Stream.make(new Uint8Array(values))

/** Output without the cuts, which are nobody's promise. */
const whole = (backend: Shape, name: string, from = 0) =>
  Effect.map(
    Stream.runCollect(backend.output(id, command(name), "stdout", { ...cursorStart, stdout: from })),
    (events) => ({
      bytes: events.flatMap((event) => (event._tag === "Chunk" ? Array.from(event.bytes) : [])),
      ends: events.filter((event) => event._tag === "End").length,
      last: events.findLast((event) => event._tag === "Chunk")?.end
    })
  )

const steps: ReadonlyArray<Step> = [
  [
    "create",
    (backend) =>
      backend.create(
        new CreateParams({
          name: "first",
          metadata: { "a b": "ä", empty: "" },
          environmentVariables: { A: "1" },
          launchParameters: new LaunchParameters({
            keepAliveTimeSeconds: 600,
            afterIdle: new AfterIdle({ idleTimeSeconds: 60, onIdle: "suspend" })
          })
        })
      )
  ],
  [
    "create from a snapshot that does not exist",
    (backend) => backend.create(new CreateParams({ snapshotId: snapshot(999) }))
  ],
  ["get", (backend) => backend.get(id)],
  ["get nobody", (backend) => backend.get(nobody)],
  ["list", (backend) => backend.list({ limit: 10 })],
  ["list a status", (backend) => backend.list({ limit: 10, status: "suspended" })],
  ["list metadata", (backend) => backend.list({ limit: 10, metadata: { "a b": "ä" } })],
  ["update", (backend) => backend.update(id, { metadata: { x: "y" } })],
  ["update nobody", (backend) => backend.update(nobody, { name: "n" })],
  ["keep alive", (backend) => backend.keepAlive(id)],
  ["usage", (backend) => backend.usage(id)],
  ["hold that is true already", (backend) => backend.waitForStatus!(id, ["running"], Duration.seconds(5))],
  ["hold that ends", (backend) => backend.waitForStatus!(id, ["suspended"], Duration.millis(300))],
  [
    "write",
    (backend) => backend.upload(id, "~/a.txt", Stream.encodeText(Stream.make("\uFEFFhé\n")), { text: true, size: 7 })
  ],
  ["upload", (backend) => backend.upload(id, "deep/er/b.bin", bytes(0, 255, 13, 10, 45, 45), { size: 6 })],
  ["upload without a size", (backend) => backend.upload(id, "c.bin", Stream.concat(bytes(1), bytes(2)))],
  ["upload nothing", (backend) => backend.upload(id, "empty", Stream.empty)],
  ["upload to a folder", (backend) => backend.upload(id, "deep", bytes(1))],
  ["upload where nobody may", (backend) => backend.upload(id, "/proc/x", bytes(1))],
  ["upload to nobody", (backend) => backend.upload(nobody, "/x", bytes(1))],
  [
    "upload that fails by itself",
    (backend) => backend.upload(id, "broken", Stream.concat(bytes(1), Stream.fail("mine" as const)))
  ],
  ["read", (backend) => contents(backend.download(id, "a.txt", { text: true }))],
  ["download", (backend) => contents(backend.download(id, "/home/user/deep/er/b.bin"))],
  ["download nothing", (backend) => contents(backend.download(id, "empty"))],
  ["download what is not there", (backend) => contents(backend.download(id, "/nowhere"))],
  ["download a folder", (backend) => contents(backend.download(id, "/home/user"))],
  ["read below a file", (backend) => contents(backend.download(id, "a.txt/b", { text: true }))],
  [
    "start",
    (backend) => backend.startExecution(id, { commandId: command("echo"), command: "echo out; echo err >&2; exit 3" })
  ],
  [
    "start again",
    (backend) => backend.startExecution(id, { commandId: command("echo"), command: "echo out; echo err >&2; exit 3" })
  ],
  ["start with nobody", (backend) => backend.startExecution(nobody, { commandId: command("x"), command: "true" })],
  ["look at a command", (backend) => backend.getExecution(id, command("echo"))],
  ["look at no command", (backend) => backend.getExecution(id, command("nothing"))],
  ["wait for a command", (backend) => backend.waitForExecution!(id, command("echo"), Duration.seconds(5))],
  ["output", (backend) => whole(backend, "echo")],
  ["output of no command", (backend) => whole(backend, "nothing")],
  ["start what prints", (backend) => backend.startExecution(id, { commandId: command("bytes"), command: "bytes" })],
  ["last lines", (backend) => backend.getExecution(id, command("bytes"), { lastLines: 1 })],
  ["output from the middle", (backend) => whole(backend, "bytes", 3)],
  [
    "start with stdin",
    (backend) => backend.startExecution(id, { commandId: command("cat"), command: "cat", attachStdin: true })
  ],
  ["kill", (backend) => backend.kill(id, command("echo"), { group: true })],
  ["kill nothing", (backend) => backend.kill(id, command("nothing"))],
  ["tunnel", (backend) => backend.enableTunnel(id, new TunnelOptions({ authMode: "authenticated", wakeOnHttp: true }))],
  ["see the tunnel", (backend) => backend.get(id)],
  ["no tunnel", (backend) => backend.removeTunnel(id)],
  ["see no tunnel", (backend) => backend.get(id)],
  ["ssh", (backend) => backend.createSshKey(id)],
  [
    "snapshot",
    (backend) =>
      backend.startSnapshot(id, new SnapshotParams({ name: "s", metadata: { env: "prod" }, commitMessage: "m" }))
  ],
  ["snapshots", (backend) => backend.listSnapshots({ limit: 10 })],
  ["snapshots of nobody", (backend) => backend.listSnapshots({ limit: 10, devboxId: nobody })],
  ["no snapshot", (backend) => backend.getSnapshot(snapshot(999))],
  [
    "snapshot with too long a message",
    (backend) => backend.startSnapshot(id, new SnapshotParams({ commitMessage: "x".repeat(2000) }))
  ],
  ["logs", (backend) => backend.logs(id)],
  ["logs of a command", (backend) => backend.logs(id, { executionId: command("echo") })],
  [
    "a failure of the backend",
    (backend, control) =>
      Effect.andThen(
        control.failNext("get", new RateLimitError({ detail: "slowly", retryAfterMs: 1500 })),
        backend.get(id)
      )
  ],
  [
    "a failure after which nothing helps",
    (backend, control) =>
      Effect.andThen(
        control.failNext("get", new TransportError({ detail: "gone" }), { shouldRetry: false }),
        backend.get(id)
      )
  ],
  [
    "an answer that is lost",
    (backend, control) => Effect.andThen(control.loseReply("keepAlive"), backend.keepAlive(id))
  ],
  [
    "shutdown during a snapshot",
    (backend, control) =>
      Effect.gen(function* () {
        yield* control.hold("snapshot")
        yield* backend.startSnapshot(id, new SnapshotParams({}))
        const refused = yield* Effect.flip(backend.shutdown(id))
        yield* control.release("snapshot")
        return refused
      })
  ],
  ["suspend", (backend) => backend.suspend(id)],
  ["command while suspended", (backend) => backend.startExecution(id, { commandId: command("late"), command: "true" })],
  ["file while suspended", (backend) => contents(backend.download(id, "a.txt"))],
  ["upload while suspended", (backend) => backend.upload(id, "x", bytes(1))],
  ["resume", (backend) => backend.resume(id)],
  ["shutdown", (backend) => backend.shutdown(id, { force: true })],
  ["shutdown again", (backend) => backend.shutdown(id)],
  ["shutdown nobody", (backend) => backend.shutdown(nobody)],
  ["get what is over", (backend) => backend.get(id)],
  ["command when it is over", (backend) => backend.startExecution(id, { commandId: command("over"), command: "true" })]
]

/** What is the same on both sides of the wire. The backend's own name in an error is the client's. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, part: unknown) =>
      key === "backend" || key === "operation"
        ? undefined
        : part instanceof Error
          ? { error: String((part as { _tag?: string })._tag), ...part }
          : part
    ) ?? "null"
  )

/** What another order of the same steps would not change, and what is only in one of the modes. */
const withoutClock = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, part: unknown) => (/(TimeMs|timestampMs|Seconds|TimeSeconds)$/.test(key) ? 0 : part))
  )

const run = (backend: Shape, control: typeof Control.Service) =>
  Effect.forEach(steps, ([title, step]) =>
    Effect.map(
      Effect.exit(step(backend, control)),
      (exit) =>
        [
          title,
          plain(
            Exit.isSuccess(exit)
              ? exit.value
              : exit.cause.reasons.map((reason) => ("error" in reason ? reason.error : String(reason)))
          )
        ] as const
    )
  )

const options = {
  commands: [{ match: "bytes", stdout: new Uint8Array([0x61, 0x0a, 0xc3, 0xa9, 0x0a, 0xff, 0xfe, 0x0a]) }]
}

const ticking = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

const direct = Effect.gen(function* () {
  return yield* run(yield* DevboxBackend, yield* Control)
}).pipe(Effect.provide(layerControl(options)))

/** Steps whose answer is another in plain mode, as Runloop's wire has no place for it. */
const onlyOurs: ReadonlySet<string> = new Set([
  // A text stream has U+FFFD for what is not text, and its end says no length.
  "output from the middle",
  // A command with stdin has no id of the caller's.
  "start with stdin",
  "logs"
])

describe("client ∘ server", () => {
  for (const mode of ["ours", "plain"] as const) {
    it.effect(`in process is the identity (${mode})`, () =>
      Effect.gen(function* () {
        const expected = new Map(yield* ticking(direct))
        const wire = { apiKey, baseUrl: "http://api.devbox.test" }
        const client =
          mode === "ours" ? RunloopBackend.makeServer(wire) : RunloopBackend.make({ ...wire, optimisticTimeout: 0 })
        const actual = yield* ticking(
          Effect.gen(function* () {
            const control = yield* Control
            return yield* run(yield* client, control)
          }).pipe(Effect.provide(layerInProcess().pipe(Layer.provideMerge(layerControl(options)))))
        )
        for (const [title, value] of actual) {
          if (mode === "plain" && onlyOurs.has(title)) continue
          assert.deepStrictEqual(withoutClock(value), withoutClock(expected.get(title)), title)
        }
      })
    )
  }

  it.effect("gives notice of an eviction, those that are pending first", () =>
    Effect.gen(function* () {
      const control = yield* Control
      const backend = yield* RunloopBackend.make({ apiKey, baseUrl: "http://api.devbox.test" })
      const made = [yield* backend.create(new CreateParams({})), yield* backend.create(new CreateParams({}))]
      yield* control.evict(made[0]!.id, "5 minutes")
      const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(backend.notices, 2)), {
        startImmediately: true
      })
      yield* TestClock.adjust("20 seconds")
      yield* control.evict(made[1]!.id, "10 minutes")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        (yield* Fiber.join(seen)).map((notice) => ({ ...notice })),
        [
          { devboxId: made[0]!.id, evictionDeadlineMs: 300_000 },
          { devboxId: made[1]!.id, evictionDeadlineMs: 620_000 }
        ]
      )
    }).pipe(Effect.provide(layerInProcess().pipe(Layer.provideMerge(layerControl(options)))))
  )

  it.live("over a socket is the identity", () =>
    Effect.gen(function* () {
      const expected = new Map(yield* direct)
      const actual = yield* Effect.gen(function* () {
        const { address } = yield* HttpServer.HttpServer
        const port = "port" in address ? address.port : 0
        const backend = yield* RunloopBackend.makeServer({ apiKey, baseUrl: `http://127.0.0.1:${port}` })
        return yield* run(backend, yield* Control)
      }).pipe(
        Effect.provide(
          Layer.merge(
            NodeHttpClient.layerUndici,
            Layer.provideMerge(layerServer(Layer.effectContext(Effect.context<DevboxBackend>())), layerControl(options))
          )
        )
      )
      for (const [title, value] of actual)
        assert.deepStrictEqual(withoutClock(value), withoutClock(expected.get(title)), title)
    })
  )
})
