/** The watch of notices: opened again whenever it ends, in its own time, and each notice once. */
import { assert, describe, it } from "@effect/vitest"
import { AuthenticationError, BackendError } from "@effect-devbox/core/DevboxError"
import { DevboxId, Notice } from "@effect-devbox/core/DevboxModel"
import { Clock, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { notices } from "../../packages/core/src/internal/service/notices.ts"
import { failure, stub } from "./stubs.ts"

const notice = (id: string, evictionDeadlineMs: number) =>
  new Notice({ devboxId: DevboxId.make(id), evictionDeadlineMs })

/** A backend whose watches go as the list says, the last one again and again; and when each was opened. */
const watches = (list: ReadonlyArray<Stream.Stream<Notice, BackendError>>) => {
  const openedAt: Array<number> = []
  const backend = stub({
    notices: Stream.unwrap(
      Effect.map(Clock.currentTimeMillis, (now) => {
        openedAt.push(now)
        return list[Math.min(openedAt.length, list.length) - 1]!
      })
    )
  })
  return { backend, openedAt }
}

const pauses = (openedAt: ReadonlyArray<number>) => openedAt.slice(1).map((at, index) => at - openedAt[index]!)

describe("notices", () => {
  for (const [how, watch] of [
    ["ends", Stream.empty],
    ["fails", Stream.fail(failure("rejected"))]
  ] as const) {
    it.effect(`are watched again when the watch ${how}, after pauses that grow to half a minute`, () =>
      Effect.gen(function* () {
        const { backend, openedAt } = watches([watch])
        const fiber = yield* Effect.forkChild(Stream.runDrain(notices(backend)), { startImmediately: true })
        yield* TestClock.adjust("3 minutes")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(pauses(openedAt).slice(0, 8), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
      })
    )
  }

  it.effect("are watched again soon after a watch that lasted", () =>
    Effect.gen(function* () {
      const lasting = Stream.concat(Stream.fromEffectDrain(Effect.sleep("1 hour")), Stream.empty)
      const { backend, openedAt } = watches([Stream.empty, Stream.empty, lasting])
      const fiber = yield* Effect.forkChild(Stream.runDrain(notices(backend)), { startImmediately: true })
      yield* TestClock.adjust("3 hours")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(pauses(openedAt).slice(0, 4), [500, 1000, 3_600_500, 3_600_500])
    })
  )

  it.effect("come once each, however often a new watch repeats those that are pending", () =>
    Effect.gen(function* () {
      const [a, b, c] = [notice("a", 1_000_000), notice("b", 2_000_000), notice("a", 3_000_000)] as const
      const { backend } = watches([Stream.make(a), Stream.make(a, b), Stream.make(a, b, c)])
      const fiber = yield* Effect.forkChild(Stream.runCollect(Stream.take(notices(backend), 3)), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [a, b, c])
    })
  )

  it.effect("fail where asking again is of no use", () =>
    Effect.gen(function* () {
      const refused = new BackendError({
        backend: "stub",
        operation: "notices",
        outcome: "rejected",
        reason: new AuthenticationError({ detail: "no" })
      })
      const { backend, openedAt } = watches([Stream.empty, Stream.fail(refused)])
      const fiber = yield* Effect.forkChild(Effect.flip(Stream.runDrain(notices(backend))), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), refused)
      assert.strictEqual(openedAt.length, 2)
    })
  )
})
