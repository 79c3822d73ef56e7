/** Leak accounting and fixtures for tests: what was left fails the test, or the suite, and is named. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxLeaks, DevboxService } from "@effect-devbox/core"
import type { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { UnavailableError } from "@effect-devbox/core/DevboxError"
import { Leaks, MemoryBackend, VirtualTime } from "@effect-devbox/core/testing"
import { Fixtures } from "@effect-devbox/core/testing/vitest"
import { Cause, Effect, Exit, Layer, Scope } from "effect"

const services = DevboxService.layer.pipe(
  Layer.provideMerge(MemoryBackend.layerControl({ snapshotDelay: "5 seconds" }))
)
const create = DevboxService.use((devboxes) => devboxes.create())
const leave = DevboxService.use((devboxes) => devboxes.createDetached())
const run = <A, E>(program: Effect.Effect<A, E, DevboxService | DevboxBackend | MemoryBackend.Control>) =>
  program.pipe(Effect.provide(services), VirtualTime.run)

describe("failOnLeaks", () => {
  it.live("lets a test pass that cleans up", () =>
    run(
      Effect.gen(function* () {
        yield* leave
        const said = yield* Leaks.failOnLeaks(Effect.flatMap(create, (devbox) => devbox.cmd.exec("echo hello")))
        assert.strictEqual(said.stdout, "hello\n")
      })
    )
  )

  it.live("fails a test that left a devbox, and names it", () =>
    run(
      Effect.gen(function* () {
        const leaked = yield* Effect.flip(Leaks.failOnLeaks(leave))
        assert.strictEqual(leaked._tag, "Leaked")
        assert.include(leaked.message, "devbox dbx_000001 (running) still exists")
      })
    )
  )

  it.live("fails a test whose devbox could not be confirmed to be gone", () =>
    run(
      Effect.gen(function* () {
        const { failNext } = yield* MemoryBackend.Control
        const leaving = Effect.andThen(
          create,
          failNext("shutdown", new UnavailableError({ detail: "never" }), { shouldRetry: false })
        )
        const leaked = yield* Effect.flip(Leaks.failOnLeaks(leaving))
        assert.include(leaked.message, "could not be confirmed")
      })
    )
  )

  it.live("keeps the failure of a test that left something, too", () =>
    run(
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Leaks.failOnLeaks(Effect.andThen(leave, Effect.fail("first"))))
        assert.isTrue(Exit.isFailure(exit))
        if (!Exit.isFailure(exit)) return
        const errors = exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)
        assert.strictEqual(errors[0], "first")
        assert.instanceOf(errors[1], Leaks.Leaked)
      })
    )
  )

  it.live("counts unfinished snapshots, finished ones when asked to, and nothing that may stay", () =>
    run(
      Effect.gen(function* () {
        const half = Effect.flatMap(leave, (devbox) => devbox.snapshotDiskAsync())
        const left = yield* Effect.flip(Leaks.failOnLeaks(half, { keeps: ["dbx_000001"] }))
        assert.include(left.message, "snapshot snp_000002 (in_progress)")
        const whole = Effect.flatMap(create, (devbox) => devbox.snapshotDisk())
        const { id } = yield* Leaks.failOnLeaks(whole)
        assert.include((yield* Effect.flip(Leaks.failOnLeaks(whole, { snapshots: true }))).message, "(complete)")
        assert.isString(id)
      })
    )
  )
})

describe("collecting leaks", () => {
  it.effect("passes them on when what reported them fails", () =>
    Effect.gen(function* () {
      const leak = { resource: "devbox", id: "d", devboxId: undefined, backend: "memory", detail: "so" } as const
      const reporting = Effect.andThen(DevboxLeaks.report(leak), Effect.fail("no"))
      const { leaks, value } = yield* DevboxLeaks.collect(Effect.flip(DevboxLeaks.collect(reporting)))
      assert.deepStrictEqual([leaks, value], [[leak], "no"])
    })
  )
})

describe("the leak check of a suite", () => {
  /** What closing the suite comes to, after something was done in it. */
  const closing = <A, E>(doing: Effect.Effect<A, E, DevboxService | DevboxBackend | MemoryBackend.Control>) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const suite = yield* Layer.buildWithScope(Layer.provideMerge(Leaks.layer(), services), scope)
      yield* Effect.provideContext(doing, suite)
      return yield* Effect.exit(Scope.close(scope, Exit.void))
    }).pipe(VirtualTime.run)

  it.live("is content when nothing was left", () =>
    Effect.map(closing(Effect.scoped(create)), (exit) => assert.isTrue(Exit.isSuccess(exit)))
  )

  it.live("dies of a devbox that was left", () =>
    Effect.map(closing(leave), (exit) => {
      assert.isTrue(Exit.isFailure(exit))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "devbox dbx_000001 (running) still exists")
    })
  )

  it.live("dies of a leak that was reported", () =>
    Effect.map(
      closing(
        DevboxLeaks.report({
          resource: "execution",
          id: "x",
          devboxId: "d",
          backend: "memory",
          detail: "the test said so"
        })
      ),
      (exit) => assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "the test said so")
    )
  )
})

Fixtures.describeDevboxes("a suite of devboxes", MemoryBackend.layerControl(), (it, test) => {
  const seen = new Set<string>()

  test("gives a test a devbox", (devbox) =>
    Effect.gen(function* () {
      seen.add(devbox.id)
      assert.strictEqual((yield* devbox.cmd.exec("echo one")).stdout, "one\n")
    }))

  test("gives each test one of its own", (devbox) =>
    Effect.gen(function* () {
      assert.isFalse(seen.has(devbox.id))
      const { devboxes } = yield* MemoryBackend.Control
      assert.deepStrictEqual(
        (yield* devboxes).map(({ id }) => id),
        [devbox.id]
      )
    }))

  it.layer(Fixtures.layerSuiteDevbox({ name: "shared" }))("with one for all", (it) => {
    it.effect("gives every test the same devbox", () =>
      Effect.gen(function* () {
        const devbox = yield* Fixtures.SuiteDevbox
        yield* devbox.file.write("a", "kept")
      })
    )

    it.effect("keeps what was done to it", () =>
      Effect.gen(function* () {
        const devbox = yield* Fixtures.SuiteDevbox
        assert.strictEqual(yield* devbox.file.read("a"), "kept")
      })
    )
  })
})
