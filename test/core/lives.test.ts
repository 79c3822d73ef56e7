/** Lives of devboxes as the service sees to them: forks, waking, keeping alive, owners that vanish, and notices. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxLeaks, DevboxService } from "@effect-devbox/core"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { AuthenticationError, UnavailableError } from "@effect-devbox/core/DevboxError"
import { AfterIdle, LaunchParameters, Lifecycle, LifecycleHooks } from "@effect-devbox/core/DevboxModel"
import { ChaosBackend, MemoryBackend, VirtualTime } from "@effect-devbox/core/testing"
import { Cause, Effect, Exit, Fiber, Layer, Schedule, Scope, Stream } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"

const on = (options?: MemoryBackend.Options) =>
  Effect.provide(DevboxService.layer.pipe(Layer.provideMerge(MemoryBackend.layerControl(options))))
/** Without the word that boxes end with their owner, as on a cloud. */
const cloud = (options: MemoryBackend.Options = {}) => on({ ...options, without: ["ownerBound"] })

const control = MemoryBackend.Control.use(Effect.succeed)
const left = Effect.flatMap(control, ({ devboxes, snapshots }) =>
  Effect.map(Effect.all([devboxes, snapshots]), ([boxes, taken]) => [boxes.length, taken.length])
)
const keepAlives = Effect.flatMap(control, ({ calls }) =>
  Effect.map(calls, (all) => all.filter(({ operation }) => operation === "keepAlive").map(({ atMs }) => atMs / 1000))
)
const down = new UnavailableError({ detail: "not now" })

describe("fork", () => {
  const chaotic = <A, E>(
    script: ReadonlyArray<ChaosBackend.Fault>,
    program: Effect.Effect<A, E, DevboxService | MemoryBackend.Control>
  ) =>
    DevboxLeaks.collect(program).pipe(
      Effect.provide(
        DevboxService.layer.pipe(
          Layer.provide(ChaosBackend.layer({ script })),
          Layer.provideMerge(MemoryBackend.layerControl())
        )
      ),
      VirtualTime.run
    )
  const forked = Effect.scoped(
    Effect.gen(function* () {
      const devbox = yield* Devbox.create()
      const made = yield* devbox.fork(3)
      return made.length
    })
  )

  it.live("launches its devboxes as the source was launched, and lets them live as long as the scope", () =>
    Effect.gen(function* () {
      const hooks = new LifecycleHooks({ suspendCommands: ["true"] })
      const source = yield* Devbox.create({
        keepAliveTime: "2 hours",
        launchCommands: ["echo up >> log"],
        launchParameters: new LaunchParameters({ lifecycle: new Lifecycle({ lifecycleHooks: hooks }) })
      })
      const [plain] = yield* source.fork(1)
      const asked = (yield* plain!.getInfo).launchParameters
      assert.strictEqual(asked.keepAliveTimeSeconds, undefined)
      assert.deepStrictEqual(asked.lifecycle?.lifecycleHooks, hooks)
      assert.strictEqual(yield* plain!.file.read("log"), "up\nup\n")
      const [other] = yield* source.fork(1, { launchCommands: [], keepAliveTime: "1 minute", name: "other" })
      const info = yield* other!.getInfo
      assert.deepStrictEqual([info.name, info.launchParameters.keepAliveTimeSeconds], ["other", 60])
      assert.strictEqual(yield* other!.file.read("log"), "up\n")
    }).pipe(Effect.scoped, on(), VirtualTime.run)
  )

  it.live("asks for one snapshot, and leaves nothing when its answer or that of the deletion is lost", () =>
    Effect.gen(function* () {
      for (const operation of ["startSnapshot", "deleteSnapshot", "create"] as const) {
        const { leaks, value } = yield* chaotic(
          [{ operation, call: operation === "create" ? 3 : 1, kind: "loseReply" }],
          Effect.andThen(forked, left)
        )
        assert.deepStrictEqual([operation, value, leaks], [operation, [0, 0], []])
      }
    })
  )

  it.live("reports the snapshot as a leak when it cannot be deleted", () =>
    Effect.gen(function* () {
      const faults = Array.from(
        { length: 20 },
        (_, index) => ({ operation: "deleteSnapshot", call: index + 1, kind: "drop" }) as const
      )
      const { leaks, value } = yield* chaotic(faults, Effect.andThen(forked, left))
      assert.deepStrictEqual(value, [0, 1])
      assert.deepStrictEqual(
        leaks.map(({ resource }) => resource),
        ["snapshot"]
      )
    })
  )

  it.effect("leaves nothing when it is interrupted while some forks run and others do not", () =>
    Effect.gen(function* () {
      const memory = yield* control
      const scope = yield* Scope.make()
      const devbox = yield* Devbox.create().pipe(Scope.provide(scope))
      yield* memory.hold("provisioning")
      const fiber = yield* Effect.forkChild(Effect.scoped(devbox.fork(3)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* left, [4, 1])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* left, [1, 0])
      yield* Scope.close(scope, Exit.void)
    }).pipe(on())
  )

  it.effect("refuses before anything is done where there are no snapshots", () =>
    Effect.gen(function* () {
      const devbox = yield* Devbox.create()
      const error = yield* Effect.flip(devbox.fork(2))
      assert.strictEqual(error._tag === "BackendError" && error.reason._tag, "UnsupportedError")
      assert.strictEqual((yield* (yield* control).devboxes).length, 1)
    }).pipe(Effect.scoped, on({ without: ["snapshot"] }))
  )
})

describe("a devbox that resumes by itself", () => {
  it.effect("does so for whoever created it with that wish, many calls at once", () =>
    Effect.gen(function* () {
      const devbox = yield* Devbox.create({ autoResume: true })
      yield* devbox.suspend
      const outcomes = yield* Effect.forEach([1, 2, 3], (n) => devbox.cmd.exec(`echo ${n}`), { concurrency: 3 })
      assert.deepStrictEqual(
        outcomes.map(({ stdout }) => stdout),
        ["1\n", "2\n", "3\n"]
      )
      yield* devbox.suspend
      const tunnel = yield* devbox.net.createTunnel(80)
      assert.include(tunnel.url, "80")
      assert.strictEqual((yield* devbox.getInfo).status, "running")
    }).pipe(Effect.scoped, on())
  )

  it.effect("does so for a request to a port, also for one whose body can be read only once", () =>
    Effect.gen(function* () {
      const devbox = yield* Devbox.create({ autoResume: true })
      const bytes = Stream.make(new TextEncoder().encode("once"))
      for (const request of [
        HttpClientRequest.get("/"),
        HttpClientRequest.bodyText(HttpClientRequest.post("/"), "again"),
        HttpClientRequest.bodyStream(HttpClientRequest.post("/"), bytes)
      ]) {
        yield* devbox.suspend
        const answer = yield* devbox.net.fetch(80, request)
        assert.strictEqual(answer.status, 204)
      }
    }).pipe(
      Effect.scoped,
      on({
        sites: {
          80: (request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 204 })))
        }
      })
    )
  )

  it.effect("does not when it is over, and says so", () =>
    Effect.gen(function* () {
      const devbox = yield* Devbox.create({ autoResume: true })
      yield* devbox.close
      const error = yield* Effect.flip(devbox.cmd.exec("true"))
      assert.deepInclude(error, { _tag: "DevboxNotReady", status: "shutdown" })
    }).pipe(Effect.scoped, on())
  )

  it.effect("says what is when it cannot be woken in time", () =>
    Effect.gen(function* () {
      const devbox = yield* Devbox.create({ autoResume: true })
      yield* devbox.suspend
      yield* (yield* control).hold("resuming")
      const fiber = yield* Effect.forkChild(Effect.flip(devbox.file.read("file.txt")))
      yield* TestClock.adjust("3 minutes")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error, { _tag: "DevboxNotReady", status: "resuming", expected: "running" })
      assert.include(error.message, "awaitRunning")
    }).pipe(Effect.scoped, on())
  )
})

describe("keepAliveWhile", () => {
  it.effect("keeps a devbox beyond its keep-alive time, and no longer than the effect runs", () =>
    Effect.gen(function* () {
      const devbox = yield* Devbox.create({ keepAliveTime: "90 seconds" })
      const fiber = yield* Effect.forkChild(devbox.keepAliveWhile(Effect.delay(Effect.succeed("done"), "10 minutes")))
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.strictEqual((yield* devbox.getInfo).status, "running")
      const calls = yield* keepAlives
      assert.deepStrictEqual(calls.slice(0, 3), [0, 30, 60], "three times in its keep-alive time")
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual((yield* devbox.getInfo).shutdownReason, "keep_alive_timeout")
    }).pipe(Effect.scoped, on())
  )

  it.effect("is a sign of activity for an idle policy, by the schedule that was asked for", () =>
    Effect.gen(function* () {
      const devbox = yield* Devbox.create({ afterIdle: { time: "1 minute", action: "suspend" } })
      const job = devbox.keepAliveWhile(Effect.delay(Effect.void, "5 minutes"), {
        schedule: Schedule.spaced("50 seconds")
      })
      const fiber = yield* Effect.forkChild(job)
      yield* TestClock.adjust("5 minutes")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* keepAlives, [0, 50, 100, 150, 200, 250])
      assert.strictEqual((yield* devbox.getInfo).status, "running")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* devbox.getInfo).status, "suspended")
    }).pipe(Effect.scoped, on())
  )

  it.effect("ends the effect when the devbox is over, and waits for what it cleans up", () =>
    Effect.gen(function* () {
      const devbox = yield* Devbox.create()
      let cleaned = false
      const job = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (cleaned = true)))
      const fiber = yield* Effect.forkChild(Effect.exit(devbox.keepAliveWhile(job)))
      yield* TestClock.adjust("1 minute")
      yield* devbox.shutdown()
      yield* TestClock.adjust("5 minutes")
      const exit = yield* Fiber.join(fiber)
      assert.isTrue(cleaned)
      assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("shutdown"))
    }).pipe(Effect.scoped, on())
  )

  it.effect("outlives a backend that cannot be reached for a while", () =>
    Effect.gen(function* () {
      const devbox = yield* Devbox.create({ keepAliveTime: "10 minutes" })
      const fiber = yield* Effect.forkChild(devbox.keepAliveWhile(Effect.delay(Effect.succeed(1), "30 minutes")))
      yield* TestClock.adjust("1 minute")
      // All tries of one sign of life.
      yield* (yield* control).failNext("keepAlive", down, { times: 6 })
      yield* TestClock.adjust("30 minutes")
      assert.strictEqual(yield* Fiber.join(fiber), 1)
      assert.strictEqual((yield* devbox.getInfo).status, "running")
    }).pipe(Effect.scoped, on())
  )
})

describe("an owner that vanishes", () => {
  it.effect("costs a quarter of an hour where nobody else ends its devbox, which shows it", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const owner = yield* Effect.forkChild(Effect.andThen(Scope.provide(Devbox.create(), scope), Effect.never))
      yield* TestClock.adjust("3 hours")
      const [info] = yield* (yield* control).devboxes
      assert.strictEqual(info?.status, "running", "the owner lives, whatever its keep-alive time")
      assert.strictEqual(info?.launchParameters.keepAliveTimeSeconds, 900)
      // What is left of an owner that was killed: no fiber and no finalizer.
      yield* (yield* control).failNext("keepAlive", down, { times: 10_000 })
      yield* TestClock.adjust("16 minutes")
      assert.deepStrictEqual(yield* (yield* control).devboxes, [])
      yield* Fiber.interrupt(owner)
      yield* Scope.close(scope, Exit.void)
    }).pipe(cloud())
  )

  it.effect("is not renewed after its scope, nor where it is not needed", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(Devbox.create())
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual(yield* keepAlives, [])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const detached = yield* Devbox.createDetached()
          const own = [
            detached,
            yield* Devbox.create({ keepAliveTime: "5 hours" }),
            yield* Devbox.create({ afterIdle: { time: "5 hours", action: "suspend" } }),
            yield* Devbox.create({
              launchParameters: new LaunchParameters({
                afterIdle: new AfterIdle({ idleTimeSeconds: 60, onIdle: "suspend" })
              })
            }),
            yield* Devbox.create({ ownerTimeout: false })
          ]
          const asked = yield* Effect.forEach(own, ({ getInfo }) =>
            Effect.map(getInfo, ({ launchParameters }) => launchParameters.keepAliveTimeSeconds)
          )
          assert.deepStrictEqual(asked, [undefined, 18_000, undefined, undefined, undefined])
          yield* TestClock.adjust("30 minutes")
          yield* detached.close
        })
      )
      assert.deepStrictEqual(yield* keepAlives, [])
    }).pipe(cloud())
  )

  it.effect("can be given another time, also where the backend would see to it", () =>
    Effect.gen(function* () {
      const plain = yield* Devbox.create()
      assert.strictEqual((yield* plain.getInfo).launchParameters.keepAliveTimeSeconds, undefined)
      const devbox = yield* Devbox.create({ ownerTimeout: "1 minute" })
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* devbox.getInfo).launchParameters.keepAliveTimeSeconds, 60)
      assert.deepStrictEqual((yield* keepAlives).slice(0, 2), [20, 40])
    }).pipe(Effect.scoped, on())
  )
})

describe("notices", () => {
  it.effect("reach the program once each, whatever becomes of the connection", () =>
    Effect.gen(function* () {
      const memory = yield* control
      yield* memory.failNext("notices", down, { times: 3 })
      const [one, two] = yield* Effect.all([Devbox.create({ keepAliveTime: "5 minutes" }), Devbox.create()])
      const seen: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(Devbox.notices, ({ devboxId }) => Effect.sync(() => seen.push(devboxId)))
      )
      const ofTwo = yield* Effect.forkChild(Stream.runHead(two.notices))
      yield* TestClock.adjust("4 minutes")
      assert.deepStrictEqual(seen, [one.id])
      yield* memory.evict(two.id, "10 minutes")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(seen, [one.id, two.id])
      const notice = yield* Fiber.join(ofTwo)
      assert.strictEqual(notice._tag === "Some" && notice.value.devboxId, two.id)
    }).pipe(Effect.scoped, on())
  )

  it.live("are asked for again when the backend closes the stream, and given once", () =>
    Effect.gen(function* () {
      let opened = 0
      // Tells what is pending and closes.
      const closing = Layer.effect(
        DevboxBackend,
        Effect.map(DevboxBackend, (backend) => ({
          ...backend,
          notices: Stream.suspend(() => {
            opened += 1
            return Stream.take(backend.notices, 1)
          })
        }))
      ).pipe(Layer.provideMerge(MemoryBackend.layerControl()))
      const collected = yield* Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        yield* (yield* control).evict(devbox.id, "1 hour")
        return yield* Stream.runCollect(Stream.interruptWhen(Devbox.notices, Effect.delay(Effect.void, "30 minutes")))
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(DevboxService.layer, closing)))
      assert.strictEqual(collected.length, 1)
      assert.isAbove(opened, 3)
    }).pipe(VirtualTime.run)
  )

  it.effect("are not asked for again when the backend refuses for good", () =>
    Effect.gen(function* () {
      yield* (yield* control).failNext("notices", new AuthenticationError({ detail: "no" }), { times: 2 })
      const error = yield* Effect.flip(Stream.runDrain(Devbox.notices))
      assert.strictEqual(error.reason._tag, "AuthenticationError")
    }).pipe(on())
  )

  it.effect("fail where there are none", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Stream.runDrain(Devbox.notices))
      assert.strictEqual(error.reason._tag, "UnsupportedError")
    }).pipe(on({ without: ["notices"] }))
  )
})
