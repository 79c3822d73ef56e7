/** Time in devboxes in memory: everything that takes or waits for time does so in the clock of the test. */
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { AfterIdle, CreateParams, LaunchParameters, Lifecycle, LifecycleHooks } from "@effect-devbox/core/DevboxModel"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import { commandId, start } from "../../packages/core/src/testing/laws/boxes.ts"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

const on = (options?: MemoryBackend.Options) =>
  Effect.provide(DevboxService.layer.pipe(Layer.provideMerge(MemoryBackend.layerControl(options))))

const launch = (fields: ConstructorParameters<typeof LaunchParameters>[0]) =>
  new CreateParams({ launchParameters: new LaunchParameters(fields) })

const created = (params = new CreateParams({})) =>
  Effect.flatMap(DevboxBackend, (backend) =>
    Effect.map(backend.create(params), ({ id }) => ({
      backend,
      id,
      status: Effect.map(backend.get(id), (info) => info.status)
    }))
  )

describe("provisioning", () => {
  it.effect("takes the time it was given, and no time by default", () =>
    Effect.gen(function* () {
      const { id, backend, status } = yield* created()
      assert.strictEqual(yield* status, "provisioning")
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* status, "provisioning")
      yield* TestClock.adjust("1 second")
      const info = yield* backend.get(id)
      assert.strictEqual(info.status, "running")
      assert.deepStrictEqual(
        info.stateTransitions.map((each) => [each.status, each.transitionTimeMs]),
        [
          ["provisioning", 0],
          ["initializing", 10_000],
          ["running", 10_000]
        ]
      )
    }).pipe(on({ provisioningDelay: "10 seconds" }))
  )

  it.effect("is waited for by the service, with and without holds", () =>
    Effect.gen(function* () {
      for (const holds of [true, false]) {
        const fiber = yield* Effect.forkChild(
          Effect.scoped(Effect.flatMap(DevboxService, (service) => service.create())).pipe(
            on({ provisioningDelay: "10 seconds", holds })
          )
        )
        yield* TestClock.adjust("11 seconds")
        const devbox = yield* Fiber.join(fiber)
        assert.strictEqual(devbox.id, "dbx_000001")
      }
    })
  )

  it.effect("stays where it is while a test holds it", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      yield* control.hold("provisioning")
      const { status } = yield* created()
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* status, "provisioning")
      yield* control.release("provisioning")
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* status, "running")
    }).pipe(on())
  )
})

describe("the keep-alive time", () => {
  it.effect("ends a devbox after an hour unless told otherwise, and says why", () =>
    Effect.gen(function* () {
      const { backend, id, status } = yield* created()
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* status, "running")
      yield* TestClock.adjust("1 minute")
      const info = yield* backend.get(id)
      assert.strictEqual(info.status, "shutdown")
      assert.strictEqual(info.shutdownReason, "keep_alive_timeout")
      assert.strictEqual(info.endTimeMs, 3_600_000)
    }).pipe(on())
  )

  it.effect("starts again with keepAlive, and is not moved by commands", () =>
    Effect.gen(function* () {
      const box = yield* created(launch({ keepAliveTimeSeconds: 100 }))
      yield* TestClock.adjust("90 seconds")
      yield* box.backend.keepAlive(box.id)
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual(yield* box.status, "running")
      yield* start(box, "true")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* box.status, "shutdown")
    }).pipe(on())
  )

  it.effect("does not run while the devbox is suspended, and starts again when it is resumed", () =>
    Effect.gen(function* () {
      const { backend, id, status } = yield* created(launch({ keepAliveTimeSeconds: 100 }))
      yield* TestClock.adjust("90 seconds")
      yield* backend.suspend(id)
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* status, "suspended")
      yield* backend.resume(id)
      yield* TestClock.adjust("99 seconds")
      assert.strictEqual(yield* status, "running")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* status, "shutdown")
    }).pipe(on())
  )

  it.effect("watches nothing that was over as soon as it ran", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const { backend } = yield* created(new CreateParams({ entrypoint: "true" }))
      yield* Effect.forkChild(
        Stream.runForEach(backend.notices, ({ devboxId }) => Effect.sync(() => void heard.push(devboxId)))
      )
      const service = yield* DevboxService
      const short = service.create().pipe(
        Effect.flatMap((devbox) => devbox.suspend),
        Effect.scoped
      )
      const fiber = yield* Effect.forkChild(short)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual(heard, [])
    }).pipe(on({ provisioningDelay: "10 seconds" }))
  )

  it.effect("gives notice a minute before its end, once for each deadline", () =>
    Effect.gen(function* () {
      const { backend, id } = yield* created(launch({ keepAliveTimeSeconds: 300 }))
      const fiber = yield* Effect.forkChild(Stream.runCollect(Stream.take(backend.notices, 2)))
      yield* TestClock.adjust("250 seconds")
      yield* backend.keepAlive(id)
      yield* TestClock.adjust("250 seconds")
      const notices = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        notices.map((notice) => [notice.devboxId, notice.evictionDeadlineMs]),
        [
          [id, 300_000],
          [id, 550_000]
        ]
      )
      const late = yield* Stream.runCollect(Stream.take(backend.notices, 1))
      assert.strictEqual(late[0]?.evictionDeadlineMs, 550_000, "those pending come first")
    }).pipe(on())
  )
})

describe("the idle policy", () => {
  const idle = (onIdle: "suspend" | "shutdown") =>
    launch({ keepAliveTimeSeconds: 1, afterIdle: new AfterIdle({ idleTimeSeconds: 60, onIdle }) })

  it.effect("takes the place of the keep-alive time and counts from the last activity", () =>
    Effect.gen(function* () {
      const box = yield* created(idle("shutdown"))
      yield* TestClock.adjust("50 seconds")
      yield* start(box, "true")
      yield* TestClock.adjust("50 seconds")
      yield* Stream.runDrain(Stream.ignoreCause(box.backend.download(box.id, "nothing")))
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* box.status, "running")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* box.backend.get(box.id)).shutdownReason, "idle")
    }).pipe(on())
  )

  it.effect("does not take a busy devbox for an idle one", () =>
    Effect.gen(function* () {
      const box = yield* created(idle("suspend"))
      yield* start(box, "sleep 600")
      yield* TestClock.adjust("600 seconds")
      assert.strictEqual(yield* box.status, "running")
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* box.status, "running")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* box.status, "suspended")
    }).pipe(on())
  )
})

describe("launch", () => {
  it.effect("runs the launch commands before the devbox runs, and again after a resume", () =>
    Effect.gen(function* () {
      const { backend, id, status } = yield* created(launch({ launchCommands: ["sleep 5; echo up >> log", "cat log"] }))
      const control = yield* MemoryBackend.Control
      assert.strictEqual(yield* status, "initializing")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* status, "running")
      yield* backend.suspend(id)
      yield* backend.resume(id)
      assert.strictEqual(yield* status, "resuming")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* status, "running")
      assert.strictEqual(new TextDecoder().decode(yield* control.readFile(id, "log")), "up\nup\n")
      const logs = yield* backend.logs(id)
      assert.isTrue(logs.every(({ source }) => source === "setup_commands"))
    }).pipe(on())
  )

  it.effect("fails when a launch command does, and says so", () =>
    Effect.gen(function* () {
      const { backend, id } = yield* created(launch({ launchCommands: ["exit 2", "echo never"] }))
      const info = yield* backend.get(id)
      assert.strictEqual(info.status, "failure")
      assert.strictEqual(info.failureReason, "execution_failed")
      assert.isTrue((yield* backend.logs(id)).some(({ exitCode }) => exitCode === 2))
    }).pipe(on())
  )

  it.effect("lives as long as its entrypoint", () =>
    Effect.gen(function* () {
      const { backend, id, status } = yield* created(new CreateParams({ entrypoint: "sleep 30" }))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(yield* status, "running")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* backend.get(id)).shutdownReason, "entrypoint_exit")
    }).pipe(on())
  )

  it.effect("runs suspend commands for as long as they may take", () =>
    Effect.gen(function* () {
      const hooks = new LifecycleHooks({
        suspendCommands: ["echo saved > saved", "sleep 100"],
        suspendDeadlineMs: 2000
      })
      const { backend, id, status } = yield* created(launch({ lifecycle: new Lifecycle({ lifecycleHooks: hooks }) }))
      yield* backend.suspend(id)
      assert.strictEqual(yield* status, "suspending")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* status, "suspended")
      const control = yield* MemoryBackend.Control
      assert.isDefined(yield* control.readFile(id, "saved"))
      assert.isTrue((yield* backend.logs(id)).some(({ level }) => level === "warn"))
    }).pipe(on())
  )
})

describe("eviction", () => {
  it.effect("gives notice and suspends when its time has come", () =>
    Effect.gen(function* () {
      const control = yield* MemoryBackend.Control
      const { backend, id, status } = yield* created()
      yield* control.evict(id, "5 minutes")
      const [notice] = yield* Stream.runCollect(Stream.take(backend.notices, 1))
      assert.strictEqual(notice?.evictionDeadlineMs, 300_000)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* status, "suspended")
    }).pipe(on())
  )
})

describe("usage", () => {
  it.effect("counts running time apart from all time", () =>
    Effect.gen(function* () {
      const { backend, id } = yield* created(launch({ resourceSizeRequest: "MEDIUM" }))
      yield* TestClock.adjust("10 seconds")
      yield* backend.suspend(id)
      yield* TestClock.adjust("20 seconds")
      const usage = yield* backend.usage(id)
      assert.deepStrictEqual(
        [
          usage.totalElapsedSeconds,
          usage.totalActiveSeconds,
          usage.vcpuSeconds,
          usage.memoryGbSeconds,
          usage.diskGbSeconds
        ],
        [30, 10, 20, 40, 240]
      )
    }).pipe(on())
  )
})

describe("commands", () => {
  it.effect("take the time that they are scripted to take, and print piece by piece", () =>
    Effect.gen(function* () {
      const box = yield* created()
      const { executionId } = yield* start(box, "npm test", { commandId: commandId() })
      const seen: Array<string> = []
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(box.backend.output(box.id, executionId, "both", { stdout: 0, stderr: 0 }), (event) =>
          Effect.sync(() => {
            if (event._tag === "Chunk") seen.push(`${event.channel} ${new TextDecoder().decode(event.bytes)}`)
          })
        )
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(seen, ["stdout one", "stderr two"])
      yield* TestClock.adjust("3 seconds")
      const info = yield* box.backend.getExecution(box.id, executionId)
      assert.strictEqual(info.status, "running", "it goes on for a while after its last word")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(fiber)
      const ended = yield* box.backend.getExecution(box.id, executionId)
      assert.deepStrictEqual([ended.exitStatus, ended.startTimeMs, ended.endTimeMs], [1, 0, 10_000])
      assert.deepStrictEqual(seen, ["stdout one", "stderr two", "stdout three"])
    }).pipe(
      on({
        commands: [
          {
            match: "npm test",
            output: [
              { data: "one", after: "1 second" },
              { channel: "stderr", data: "two", after: "1 second" },
              { data: "three", after: "3 seconds" }
            ],
            delay: "5 seconds",
            exitCode: 1
          }
        ]
      })
    )
  )
})

describe("holds", () => {
  it.effect("end when their time is over, without failing", () =>
    Effect.gen(function* () {
      const { backend, id } = yield* created()
      const waits = backend.waitForStatus
      if (waits === undefined) return assert.fail("the memory backend holds")
      const fiber = yield* Effect.forkChild(waits(id, ["suspended"], Duration.seconds(25)))
      yield* TestClock.adjust("25 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, "running")
    }).pipe(on())
  )
})
