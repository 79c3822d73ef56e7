/** The one wait loop: how often it looks, when it stops, and what it says when it gives up. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import { DevboxBackend, type Implementation } from "@effect-devbox/core/DevboxBackend"
import { StateTransition } from "@effect-devbox/core/DevboxModel"
import type { Duration } from "effect"
import { Clock, Effect, Exit, Fiber, Layer, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { devboxId, failure, info, stub } from "./stubs.ts"

const service = (implementation: Partial<Implementation>) =>
  DevboxService.layer.pipe(Layer.provide(Layer.succeed(DevboxBackend, stub(implementation))))

/** Runs a wait in virtual time; gives its exit and how long it took in milliseconds. */
const timed = <A, E, R>(wait: Effect.Effect<A, E, R>, duration: Duration.Input = "1 hour") =>
  Effect.gen(function* () {
    const measured = Effect.gen(function* () {
      const exit = yield* Effect.exit(wait)
      return { exit, at: yield* Clock.currentTimeMillis }
    })
    const fiber = yield* Effect.forkChild(measured, { startImmediately: true })
    yield* TestClock.adjust(duration)
    return yield* Fiber.join(fiber)
  })

const awaitRunning = (options?: {
  readonly timeout?: Duration.Input
  readonly schedule?: Schedule.Schedule<unknown>
}) => DevboxService.use((devboxes) => devboxes.awaitRunning(devboxId, options))

describe("awaitRunning", () => {
  it.effect("looks once a second until the devbox runs", () => {
    let looks = 0
    const get = () => Effect.sync(() => info({ status: ++looks < 4 ? "provisioning" : "running" }))
    return Effect.gen(function* () {
      const { exit, at } = yield* timed(awaitRunning())
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(looks, 4)
      assert.strictEqual(at, 3000)
    }).pipe(Effect.provide(service({ get })))
  })

  it.effect("fails with WaitTimeout after two minutes, saying what was last seen", () =>
    Effect.gen(function* () {
      const { exit, at } = yield* timed(awaitRunning())
      const error = yield* Effect.flip(exit)
      assert.strictEqual(error._tag, "WaitTimeout")
      if (error._tag === "WaitTimeout") assert.strictEqual(error.lastStatus, "provisioning")
      assert.include(error.message, "dbx_stub")
      assert.strictEqual(at, 120_000)
    }).pipe(Effect.provide(service({ get: () => Effect.succeed(info({ status: "provisioning" })) })))
  )

  it.effect("keeps the caller's deadline, whatever the backend's hold", () => {
    const waitForStatus: Implementation["waitForStatus"] = (_id, _statuses, hold) =>
      Effect.as(Effect.sleep(hold), info({ status: "provisioning" }))
    return Effect.gen(function* () {
      const { exit, at } = yield* timed(awaitRunning({ timeout: "7 seconds" }))
      assert.strictEqual((yield* Effect.flip(exit))._tag, "WaitTimeout")
      assert.strictEqual(at, 7000)
    }).pipe(Effect.provide(service({ get: () => Effect.succeed(info({ status: "provisioning" })), waitForStatus })))
  })

  it.effect("ends with the caller's schedule", () => {
    let looks = 0
    const get = () => Effect.sync(() => (looks++, info({ status: "provisioning" })))
    return Effect.gen(function* () {
      const schedule = Schedule.spaced("5 seconds").pipe(Schedule.upTo({ times: 3 }))
      const { exit, at } = yield* timed(awaitRunning({ schedule }))
      assert.strictEqual((yield* Effect.flip(exit))._tag, "WaitTimeout")
      assert.strictEqual(looks, 4)
      assert.strictEqual(at, 15_000)
    }).pipe(Effect.provide(service({ get })))
  })

  it.effect("uses the hold of a backend that has one, and does not hammer one that answers at once", () => {
    let holds = 0
    const waitForStatus: Implementation["waitForStatus"] = () =>
      Effect.sync(() => info({ status: ++holds < 5 ? "provisioning" : "running" }))
    return Effect.gen(function* () {
      const { exit, at } = yield* timed(awaitRunning())
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(holds, 5)
      assert.strictEqual(at, 4000)
    }).pipe(Effect.provide(service({ waitForStatus })))
  })

  for (const status of ["failure", "shutdown"] as const) {
    it.effect(`fails at once with DevboxNotReady when the devbox is in ${status}`, () =>
      Effect.gen(function* () {
        const { exit, at } = yield* timed(awaitRunning())
        const error = yield* Effect.flip(exit)
        assert.strictEqual(error._tag, "DevboxNotReady")
        assert.strictEqual(at, 0)
      }).pipe(Effect.provide(service({ get: () => Effect.succeed(info({ status })) })))
    )
  }

  it.effect("is not fooled by an answer that still says suspended right after resume", () => {
    let looks = 0
    const get = () =>
      Effect.sync(() => info({ status: ++looks < 3 ? "suspended" : looks < 6 ? "resuming" : "running" }))
    return Effect.gen(function* () {
      const { exit } = yield* timed(awaitRunning())
      assert.isTrue(Exit.isSuccess(exit))
    }).pipe(Effect.provide(service({ get })))
  })

  it.effect("fails when the devbox stays suspended", () =>
    Effect.gen(function* () {
      const { exit, at } = yield* timed(awaitRunning())
      const error = yield* Effect.flip(exit)
      assert.strictEqual(error._tag, "DevboxNotReady")
      assert.strictEqual(at, 5000)
    }).pipe(Effect.provide(service({ get: () => Effect.succeed(info({ status: "suspended" })) })))
  )

  it.effect("fails when a newer transition led to suspended", () => {
    const step = (status: "resuming" | "suspended") => new StateTransition({ status })
    let looks = 0
    const get = () =>
      Effect.sync(() =>
        ++looks === 1
          ? info({ status: "resuming", stateTransitions: [step("resuming")] })
          : info({ status: "suspended", stateTransitions: [step("resuming"), step("suspended")] })
      )
    return Effect.gen(function* () {
      const { exit, at } = yield* timed(awaitRunning())
      assert.strictEqual((yield* Effect.flip(exit))._tag, "DevboxNotReady")
      assert.strictEqual(at, 1000)
    }).pipe(Effect.provide(service({ get })))
  })

  it.effect("survives looks that fail for a moment", () => {
    let looks = 0
    const get = () =>
      Effect.suspend(() =>
        ++looks % 2 === 1
          ? Effect.fail(failure("rejected"))
          : Effect.succeed(info({ status: looks < 6 ? "provisioning" : "running" }))
      )
    return Effect.gen(function* () {
      const { exit } = yield* timed(awaitRunning())
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(looks, 6)
    }).pipe(Effect.provide(service({ get })))
  })
})
