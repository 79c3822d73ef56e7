/** Fleets: bounded, cancelled and confirmed together, slowed down together, accounted for. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxLeaks, DevboxService } from "@effect-devbox/core"
import * as DevboxFleet from "@effect-devbox/core/DevboxFleet"
import { DevboxBackend, make } from "@effect-devbox/core/DevboxBackend"
import { BackendError, RateLimitError, UnavailableError } from "@effect-devbox/core/DevboxError"
import { MemoryBackend, VirtualTime } from "@effect-devbox/core/testing"
import { Clock, Duration, Effect, Exit, Layer } from "effect"

type Services = DevboxService | MemoryBackend.Control

const slow = { provisioningDelay: "3 seconds" } as const
const run = <A, E>(program: Effect.Effect<A, E, Services>, memory: MemoryBackend.Options = slow) =>
  program.pipe(
    Effect.provide(DevboxService.layer.pipe(Layer.provideMerge(MemoryBackend.layerControl(memory)))),
    VirtualTime.run
  )
const living = Effect.flatMap(MemoryBackend.Control, ({ devboxes }) => Effect.map(devboxes, (boxes) => boxes.length))
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

describe("forEach", () => {
  it.live("gives each item a devbox and the results in order, so many at a time", () =>
    run(
      Effect.gen(function* () {
        let most = 0
        const report: Array<DevboxFleet.Report> = []
        const said = yield* DevboxFleet.forEach(
          upTo(7),
          {
            concurrency: 3,
            create: (n) => ({ metadata: { n: String(n) } }),
            onReport: (given) => Effect.sync(() => report.push(given))
          },
          (devbox, n) =>
            Effect.gen(function* () {
              most = Math.max(most, yield* living)
              assert.strictEqual((yield* devbox.getInfo).metadata["n"], String(n))
              return (yield* devbox.cmd.execOrFail(`sleep ${7 - n}; echo ${n}`)).stdout
            })
        )
        assert.deepStrictEqual(
          said,
          upTo(7).map((n) => `${n}\n`)
        )
        assert.strictEqual(most, 3)
        assert.strictEqual(yield* living, 0)
        const { creation, duration, use, ...counts } = report[0]!
        assert.deepStrictEqual(counts, {
          items: 7,
          created: 7,
          succeeded: 7,
          failed: 0,
          cancelled: 0,
          leaks: [],
          slowed: 0
        })
        assert.deepStrictEqual([creation.min, creation.median, creation.max].map(Duration.toSeconds), [3, 3, 3])
        assert.deepStrictEqual([use.min, use.median, use.max].map(Duration.toSeconds), [1, 4, 7])
        assert.isAbove(Duration.toSeconds(duration), 10)
      })
    )
  )

  it.live("stops the others at the first failure, and ends when all devboxes are gone", () =>
    run(
      Effect.gen(function* () {
        const report: Array<DevboxFleet.Report> = []
        const failure = yield* Effect.flip(
          DevboxFleet.forEach(
            upTo(20),
            { concurrency: 5, onReport: (given) => Effect.sync(() => report.push(given)) },
            (devbox, n) =>
              Effect.andThen(
                devbox.cmd.exec(n === 3 ? "sleep 1" : "sleep 100"),
                n === 3 ? Effect.fail("three") : Effect.void
              )
          )
        )
        assert.strictEqual(failure, "three")
        assert.strictEqual(yield* living, 0)
        assert.isBelow(yield* Clock.currentTimeMillis, 10_000)
        const { cancelled, created, failed, leaks, succeeded } = report[0]!
        assert.deepStrictEqual(
          { cancelled, created, failed, leaks, succeeded },
          { cancelled: 19, created: 5, failed: 1, leaks: [], succeeded: 0 }
        )
      })
    )
  )

  it.live("shuts every devbox down when it is interrupted", () =>
    run(
      Effect.gen(function* () {
        const fleet = DevboxFleet.forEach(upTo(6), { concurrency: 6 }, (devbox) => devbox.cmd.exec("sleep 1000"))
        const timedOut = yield* Effect.timeoutOption(fleet, "10 seconds")
        assert.strictEqual(timedOut._tag, "None")
        assert.strictEqual(yield* living, 0)
      })
    )
  )
})

describe("all", () => {
  it.live("stops nothing and tells what came of each", () =>
    run(
      Effect.gen(function* () {
        const report = yield* DevboxFleet.all(upTo(6), { concurrency: 2 }, (_, n) =>
          n % 2 === 0 ? Effect.fail(`${n} is even`) : Effect.succeed(n)
        )
        assert.deepStrictEqual(
          report.outcomes.map(({ exit, index, item }) => [index, item, Exit.isSuccess(exit) ? exit.value : "failed"]),
          [
            [0, 0, "failed"],
            [1, 1, 1],
            [2, 2, "failed"],
            [3, 3, 3],
            [4, 4, "failed"],
            [5, 5, 5]
          ]
        )
        assert.deepStrictEqual([report.succeeded, report.failed, report.cancelled], [3, 3, 0])
        assert.strictEqual(yield* living, 0)
      })
    )
  )

  it.live("counts devboxes whose end could not be confirmed", () =>
    run(
      Effect.gen(function* () {
        const { failNext } = yield* MemoryBackend.Control
        const refusal = new UnavailableError({ detail: "never" })
        const { leaks, value: report } = yield* DevboxLeaks.collect(
          DevboxFleet.all(upTo(2), { concurrency: 1 }, (_, n) =>
            n === 0 ? failNext("shutdown", refusal, { shouldRetry: false }) : Effect.void
          )
        )
        assert.deepStrictEqual([report.succeeded, report.leaks.length], [2, 1])
        assert.deepStrictEqual(report.leaks, leaks)
        assert.strictEqual(yield* living, 1)
      })
    )
  )
})

describe("make", () => {
  it.live("gives devboxes that live until the scope closes, each as it was asked to be", () =>
    run(
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const alike = yield* DevboxFleet.make(3)
            const named = yield* DevboxFleet.make([{ name: "a" }, { name: "b" }])
            const infos = yield* Effect.forEach([...alike, ...named], (devbox) => devbox.getInfo)
            assert.deepStrictEqual(
              infos.map(({ name, status }) => [name, status]),
              [undefined, undefined, undefined, "a", "b"].map((name) => [name, "running"])
            )
          })
        )
        assert.strictEqual(yield* living, 0)
      })
    )
  )

  it.live("shuts down those it created when one cannot be, without waiting for the scope", () =>
    run(
      Effect.scoped(
        Effect.gen(function* () {
          const error = yield* Effect.flip(DevboxFleet.make([{}, {}, { from: { blueprint: "none" } }]))
          assert.strictEqual(error._tag, "BackendError")
          assert.strictEqual(yield* living, 0)
        })
      )
    )
  )
})

describe("a backend that asks to slow down", () => {
  /** Memory that takes so many calls in a second, and refuses the rest until the second is over. */
  const limited = (perSecond: number, tally: { refused: number; calls: number; mostInARow: number }) =>
    Layer.effect(
      DevboxBackend,
      Effect.map(DevboxBackend, (backend) => {
        let second = -1
        let used = 0
        let inARow = 0
        const gate = <A, E, R>(
          operation: string,
          call: Effect.Effect<A, E, R>
        ): Effect.Effect<A, E | BackendError, R> =>
          Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<A, E | BackendError, R> => {
            tally.calls += 1
            if (Math.floor(now / 1000) !== second) {
              second = Math.floor(now / 1000)
              used = 0
            }
            if (++used <= perSecond) {
              inARow = 0
              return call
            }
            tally.refused += 1
            tally.mostInARow = Math.max(tally.mostInARow, ++inARow)
            return Effect.fail(
              new BackendError({
                backend: backend.name,
                operation,
                outcome: "rejected",
                reason: new RateLimitError({ detail: "slow down", retryAfterMs: 1000 - (now % 1000) })
              })
            )
          })
        return make({
          ...backend,
          create: (params) => gate("create", backend.create(params)),
          get: (id) => gate("get", backend.get(id)),
          shutdown: (id, options) => gate("shutdown", backend.shutdown(id, options)),
          startExecution: (id, params) => gate("startExecution", backend.startExecution(id, params)),
          getExecution: (id, execution, options) => gate("getExecution", backend.getExecution(id, execution, options))
        })
      })
    )
  const runLimited = <A, E>(program: Effect.Effect<A, E, Services>, perSecond: number) => {
    const tally = { refused: 0, calls: 0, mostInARow: 0 }
    const memory = MemoryBackend.layerControl({ holds: false })
    const service = DevboxService.layer.pipe(Layer.provide(limited(perSecond, tally)), Layer.provideMerge(memory))
    return Effect.map(VirtualTime.run(Effect.provide(program, service)), (value) => ({ tally, value }))
  }
  const count = 60
  const work = DevboxFleet.all(upTo(count), { concurrency: 30 }, (devbox) => devbox.cmd.exec("echo hello"))

  it.live("slows down the whole fleet: nothing fails, nothing leaks, and few calls are refused", () =>
    Effect.gen(function* () {
      const { tally, value } = yield* runLimited(work, 5)
      assert.deepStrictEqual([value.succeeded, value.failed, value.leaks], [count, 0, []])
      assert.isAbove(value.slowed, 3)
      assert.isBelow(tally.refused, tally.calls / 3)
      console.log(
        `fleet: ${count} devboxes at 5 calls a second took ${Duration.format(value.duration)}; ${tally.refused} of ${tally.calls} calls were refused, slowed down ${value.slowed} times`
      )
    })
  )

  it.live("does so better than each devbox alone could", () =>
    Effect.gen(function* () {
      const alone = Effect.forEach(
        upTo(count),
        () =>
          Effect.exit(
            Effect.scoped(
              DevboxService.use((devboxes) =>
                Effect.flatMap(devboxes.create(), (devbox) => devbox.cmd.exec("echo hello"))
              )
            )
          ),
        { concurrency: 30 }
      )
      const { tally, value } = yield* runLimited(alone, 5)
      assert.isTrue(value.some(Exit.isFailure) || tally.refused > tally.calls / 3)
    })
  )
})
