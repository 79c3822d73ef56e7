/** Warm devboxes: handed out once, replaced in the background, checked, and gone with their layer. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import { UnavailableError } from "@effect-devbox/core/DevboxError"
import { DevboxPool, make as makePool } from "@effect-devbox/core/DevboxPool"
import { MemoryBackend } from "@effect-devbox/core/testing"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"

const on = (options: MemoryBackend.Options = {}) =>
  Effect.provide(DevboxService.layer.pipe(Layer.provideMerge(MemoryBackend.layerControl(options))))
const slow = { provisioningDelay: "10 seconds" } as const

const control = MemoryBackend.Control.use(Effect.succeed)
const living = Effect.flatMap(control, ({ devboxes }) =>
  Effect.map(devboxes, (boxes) => boxes.map(({ id }) => id as string))
)
const down = new UnavailableError({ detail: "not now" })

describe("a pool", () => {
  it.effect("hands out at once what is warm, never twice, and makes another in its place", () =>
    Effect.gen(function* () {
      const pool = yield* makePool({ size: 2 })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* pool.stats, { ready: 2, handedOut: 0, waiting: 0 })
      const scopes = yield* Effect.forEach([1, 2], () => Scope.make())
      const first = yield* Effect.forEach(scopes, (scope) => Scope.provide(pool.get, scope))
      assert.deepStrictEqual(yield* pool.stats, { ready: 0, handedOut: 2, waiting: 0 })
      const third = yield* Effect.forkChild(Effect.scoped(pool.get))
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(yield* pool.stats, { ready: 0, handedOut: 2, waiting: 1 })
      yield* TestClock.adjust("11 seconds")
      const ids = [...first, yield* Fiber.join(third)].map(({ id }) => id)
      assert.strictEqual(new Set(ids).size, 3)
      yield* Effect.forEach(scopes, (scope) => Scope.close(scope, Exit.void))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* pool.stats, { ready: 2, handedOut: 0, waiting: 0 })
      assert.strictEqual((yield* living).length, 2, "those handed out are gone with their scopes")
    }).pipe(Effect.scoped, on(slow))
  )

  it.effect("serves many at once, each with a devbox of its own", () =>
    Effect.gen(function* () {
      const pool = yield* makePool({ size: 3 })
      const used: Array<string> = []
      const one = Effect.flatMap(pool.get, (devbox) => Effect.as(devbox.cmd.exec("true"), used.push(devbox.id)))
      const all = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 40 }, () => one),
          Effect.scoped,
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(all)
      assert.strictEqual(new Set(used).size, 40)
      assert.strictEqual((yield* living).length, 3)
    }).pipe(Effect.scoped, on(slow))
  )

  it.effect("ends everything with its layer, handed out or not, and what is just being made", () =>
    Effect.gen(function* () {
      const layer = yield* Scope.make()
      const pool = yield* Scope.provide(makePool({ size: 3 }), layer)
      yield* TestClock.adjust("10 seconds")
      const holder = yield* Scope.make()
      yield* Scope.provide(pool.get, holder)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* living).length, 4)
      const waiting = yield* Effect.forkChild(
        Effect.exit(Effect.scoped(Effect.replicateEffect(pool.get, 4, { concurrency: 4 })))
      )
      yield* TestClock.adjust("1 second")
      yield* Scope.close(layer, Exit.void)
      assert.deepStrictEqual(yield* living, [])
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.join(waiting)))
      yield* Scope.close(holder, Exit.void)
    }).pipe(on(slow))
  )

  it.effect("replaces what does not run any more, before anybody gets it", () =>
    Effect.gen(function* () {
      const pool = yield* makePool({ size: 2 })
      yield* TestClock.adjust(0)
      const [one, two] = yield* living
      const service = yield* DevboxService
      yield* service.attach(one!).shutdown()
      yield* service.attach(two!).suspend
      const devbox = yield* pool.get
      assert.notInclude([one, two], devbox.id)
      assert.strictEqual((yield* devbox.getInfo).status, "running")
      yield* service.attach((yield* living).find((id) => id !== devbox.id)!).shutdown()
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* pool.stats).ready, 2, "also while nobody asks")
    }).pipe(Effect.scoped, on())
  )

  it.effect("asks the check of its user", () =>
    Effect.gen(function* () {
      let bad = "none"
      const pool = yield* makePool({
        size: 1,
        create: { name: "warm" },
        check: ({ id }) => (id === bad ? Effect.fail("unfit") : Effect.void)
      })
      yield* TestClock.adjust(0)
      bad = (yield* living)[0]!
      const devbox = yield* pool.get
      assert.notStrictEqual(devbox.id, bad)
      assert.strictEqual((yield* devbox.getInfo).name, "warm")
      assert.notInclude(yield* living, bad)
    }).pipe(Effect.scoped, on())
  )

  it.effect("gives up when no devbox passes the check, and does not make them without end", () =>
    Effect.gen(function* () {
      const pool = yield* makePool({ size: 2, check: () => Effect.fail("unfit") })
      const error = yield* Effect.flip(Effect.scoped(pool.get))
      assert.deepInclude(error, { _tag: "DevboxNotReady", expected: "fit to be handed out" })
      const created = (yield* (yield* control).calls).filter(({ operation }) => operation === "create").length
      assert.isAtMost(created, 8)
      assert.isAtMost((yield* living).length, 2)
    }).pipe(Effect.scoped, on())
  )

  it.effect("keeps those that wait alive beyond their keep-alive time, and those handed out not", () =>
    Effect.gen(function* () {
      const pool = yield* makePool({ size: 1, create: { keepAliveTime: "3 minutes" } })
      yield* TestClock.adjust("1 hour")
      const before = yield* living
      const devbox = yield* pool.get
      assert.deepStrictEqual(before, [devbox.id])
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* devbox.getInfo).shutdownReason, "keep_alive_timeout")
    }).pipe(Effect.scoped, on())
  )

  it.effect("goes on keeping them alive when the check dies", () =>
    Effect.gen(function* () {
      let dies = false
      const check = () => (dies ? Effect.die("the check is wrong") : Effect.void)
      const pool = yield* makePool({ size: 1, create: { keepAliveTime: "3 minutes" }, check })
      yield* TestClock.adjust("1 minute")
      const before = yield* living
      dies = true
      yield* TestClock.adjust("10 minutes")
      dies = false
      assert.deepStrictEqual(yield* living, before)
      assert.include(before, (yield* pool.get).id)
    }).pipe(Effect.scoped, on())
  )

  it.effect("tells whoever waits when none can be created, and recovers by itself when nobody does", () =>
    Effect.gen(function* () {
      const memory = yield* control
      yield* memory.failNext("create", down, { times: 100 })
      const pool = yield* makePool({ size: 1 })
      const fiber = yield* Effect.forkChild(Effect.flip(Effect.scoped(pool.get)))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "BackendError")
      yield* memory.clearFaults
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* living).length, 1)
      assert.strictEqual((yield* (yield* pool.get).getInfo).status, "running")
    }).pipe(Effect.scoped, on())
  )

  it.effect("keeps what it has while its health cannot be asked for", () =>
    Effect.gen(function* () {
      const memory = yield* control
      const pool = yield* makePool({ size: 2 })
      yield* TestClock.adjust(0)
      const before = yield* living
      yield* memory.failNext("keepAlive", down, { times: 24 })
      const fiber = yield* Effect.forkChild(Effect.flip(Effect.scoped(pool.get)))
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "BackendError")
      yield* memory.clearFaults
      assert.deepStrictEqual(yield* living, before)
      assert.include(before, (yield* pool.get).id)
    }).pipe(Effect.scoped, on())
  )

  it.effect("loses nothing to whoever is interrupted while they wait or are given one", () =>
    Effect.gen(function* () {
      const pool = yield* makePool({ size: 2 })
      yield* TestClock.adjust("10 seconds")
      for (let steps = 0; steps < 40; steps++) {
        const fiber = yield* Effect.forkChild(Effect.scoped(pool.get))
        for (let i = 0; i < steps; i++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* pool.stats, { ready: 2, handedOut: 0, waiting: 0 })
      assert.strictEqual((yield* living).length, 2)
    }).pipe(Effect.scoped, on(slow))
  )

  it.effect("is a layer, and makes its devboxes from a snapshot", () =>
    Effect.gen(function* () {
      const devboxes = yield* DevboxService
      const source = yield* devboxes.create()
      yield* source.file.write("tool.txt", "installed")
      const snapshot = yield* source.snapshotDisk()
      const warm = DevboxPool.layer({ size: 2, from: { snapshot: snapshot.id } })
      const read = yield* Effect.scoped(Effect.flatMap(DevboxPool.get, (devbox) => devbox.file.read("tool.txt"))).pipe(
        Effect.provide(warm)
      )
      assert.strictEqual(read, "installed")
      assert.deepStrictEqual(yield* living, [source.id])
      yield* snapshot.delete
    }).pipe(Effect.scoped, on())
  )
})
