/** Creation and release: no devbox is lost, whatever fails and whenever the caller goes away. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxLeaks, DevboxService } from "@effect-devbox/core"
import { DevboxBackend, type Implementation, RequestKey } from "@effect-devbox/core/DevboxBackend"
import { Conflict, ResourceNotFound } from "@effect-devbox/core/DevboxError"
import { DevboxId, type DevboxInfo } from "@effect-devbox/core/DevboxModel"
import { Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { failure, info, stub } from "./stubs.ts"

/** A backend that keeps its devboxes in a map; `before` and `after` decide what happens to a create around its commit. */
const keeping = (options: {
  readonly before?: (attempt: number) => Effect.Effect<void, ReturnType<typeof failure>>
  readonly after?: (attempt: number) => Effect.Effect<void, ReturnType<typeof failure>>
  readonly over?: Partial<Implementation>
  readonly features?: ReadonlyArray<string>
  readonly status?: "running" | "provisioning"
}) => {
  const boxes = new Map<string, DevboxInfo>()
  const keys: Array<string | undefined> = []
  let attempts = 0
  const end = (id: DevboxId) =>
    Effect.suspend(() => {
      const box = boxes.get(id)
      if (box === undefined) return Effect.fail(new ResourceNotFound({ resource: "devbox", id }))
      boxes.delete(id)
      return Effect.succeed(info({ ...box, status: "shutdown" }))
    })
  const backend = stub({
    create: (params) =>
      Effect.gen(function* () {
        keys.push(yield* RequestKey)
        const attempt = ++attempts
        yield* options.before?.(attempt) ?? Effect.void
        const box = info({
          id: DevboxId.make(`dbx_${attempt}`),
          metadata: params.metadata ?? {},
          status: options.status ?? "running"
        })
        boxes.set(box.id, box)
        yield* options.after?.(attempt) ?? Effect.void
        return box
      }),
    get: (id) =>
      Effect.suspend(() => {
        const box = boxes.get(id)
        return box === undefined ? Effect.fail(new ResourceNotFound({ resource: "devbox", id })) : Effect.succeed(box)
      }),
    list: () => Effect.sync(() => ({ items: [...boxes.values()], hasMore: false })),
    shutdown: end,
    ...options.over,
    ...(options.features === undefined ? {} : { features: options.features })
  })
  const layer = DevboxService.layer.pipe(Layer.provide(Layer.succeed(DevboxBackend, backend)))
  return { boxes, keys, layer }
}

const create = DevboxService.use((devboxes) => devboxes.create())

describe("create", () => {
  it.effect("sends a refused create again under the same request key", () => {
    const { boxes, keys, layer } = keeping({
      before: (attempt) => (attempt < 3 ? Effect.fail(failure("rejected")) : Effect.void)
    })
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.scoped(Effect.as(create, boxes.size)), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.strictEqual(keys.length, 3)
      assert.strictEqual(new Set(keys).size, 1)
      assert.isString(keys[0])
      assert.strictEqual(boxes.size, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("adopts the devbox of a create whose answer was lost, and does not send it again", () => {
    const { boxes, keys, layer } = keeping({ after: () => Effect.fail(failure("ambiguous")) })
    return Effect.gen(function* () {
      const id = yield* Effect.scoped(
        Effect.gen(function* () {
          const devbox = yield* create
          assert.strictEqual(boxes.size, 1)
          return devbox.id
        })
      )
      assert.strictEqual(id, "dbx_1")
      assert.strictEqual(keys.length, 1)
      assert.strictEqual(boxes.size, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("destroys the devbox of a create that was interrupted after it took effect", () => {
    const { boxes, layer } = keeping({ after: () => Effect.never })
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.scoped(create), { startImmediately: true })
      assert.strictEqual(boxes.size, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(boxes.size, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("reports a possible leak when a list that lags behind never shows the devbox", () => {
    const { layer } = keeping({
      after: () => Effect.fail(failure("ambiguous")),
      over: { list: () => Effect.succeed({ items: [], hasMore: false }) },
      features: []
    })
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(DevboxLeaks.collect(Effect.exit(Effect.scoped(create))), {
        startImmediately: true
      })
      yield* TestClock.adjust("2 minutes")
      const { leaks, value } = yield* Fiber.join(fiber)
      assert.isTrue(Exit.isFailure(value))
      assert.strictEqual(leaks.length, 1)
      assert.include(DevboxLeaks.format(leaks[0]!), "could not be confirmed")
    }).pipe(Effect.provide(layer))
  })

  it.effect("hides its own metadata from the user and keeps it through an update", () => {
    let updated: Readonly<Record<string, string>> | undefined
    const kept = keeping({
      over: {
        update: (id, change) =>
          Effect.sync(() => {
            updated = change.metadata
            return info({ id, metadata: change.metadata ?? {} })
          })
      }
    })
    return Effect.gen(function* () {
      const devbox = yield* DevboxService.use((devboxes) => devboxes.create({ metadata: { team: "a" } }))
      assert.deepStrictEqual((yield* devbox.getInfo).metadata, { team: "a" })
      const after = yield* devbox.update({ metadata: { team: "b" } })
      assert.deepStrictEqual(after.metadata, { team: "b" })
      assert.strictEqual(Object.keys(updated ?? {}).length, 2)
    }).pipe(Effect.scoped, Effect.provide(kept.layer))
  })

  for (const create of ["create", "createDetached"] as const) {
    it.effect(`shuts the devbox down when ${create} waits in vain`, () => {
      const { boxes, layer } = keeping({ status: "provisioning" })
      return Effect.gen(function* () {
        const program = DevboxService.use((devboxes) => Effect.scoped(devboxes[create]({ timeout: "3 seconds" })))
        const fiber = yield* Effect.forkChild(Effect.flip(program), { startImmediately: true })
        yield* Effect.yieldNow
        assert.strictEqual(boxes.size, 1)
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "WaitTimeout")
        assert.strictEqual(boxes.size, 0)
      }).pipe(Effect.provide(layer))
    })
  }
})

describe("release", () => {
  const released = (over: Partial<Implementation>) => {
    const kept = keeping({ over })
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(DevboxLeaks.collect(Effect.scoped(create)), { startImmediately: true })
      yield* TestClock.adjust("10 minutes")
      return (yield* Fiber.join(fiber)).leaks
    }).pipe(Effect.provide(kept.layer))
  }

  it.effect("asks again when a shutdown fails for a moment", () => {
    let asked = 0
    return Effect.gen(function* () {
      const leaks = yield* released({
        shutdown: () =>
          Effect.suspend(() =>
            ++asked < 4 ? Effect.fail(failure("ambiguous")) : Effect.succeed(info({ status: "shutdown" }))
          )
      })
      assert.strictEqual(asked, 4)
      assert.deepStrictEqual(leaks, [])
    })
  })

  it.effect("is content when the devbox is gone already", () =>
    Effect.gen(function* () {
      const leaks = yield* released({ shutdown: (id) => Effect.fail(new ResourceNotFound({ resource: "devbox", id })) })
      assert.deepStrictEqual(leaks, [])
    })
  )

  it.effect("gives a snapshot in progress half a minute, then ends the devbox under it", () => {
    const forced: Array<boolean> = []
    return Effect.gen(function* () {
      const leaks = yield* released({
        shutdown: (id, options) =>
          Effect.suspend(() => {
            forced.push(options?.force === true)
            return options?.force === true
              ? Effect.succeed(info({ status: "shutdown" }))
              : Effect.fail(new Conflict({ devboxId: id, detail: "a snapshot is in progress" }))
          })
      })
      assert.deepStrictEqual(leaks, [])
      assert.isTrue(forced.length > 2)
      assert.deepStrictEqual(forced.indexOf(true), forced.length - 1)
    })
  })

  it.effect("reports a devbox that does not go away", () =>
    Effect.gen(function* () {
      const leaks = yield* released({ shutdown: () => Effect.succeed(info({ status: "running" })) })
      assert.strictEqual(leaks.length, 1)
      assert.strictEqual(leaks[0]!.resource, "devbox")
    })
  )

  it.effect("reports a shutdown that is refused", () =>
    Effect.gen(function* () {
      const leaks = yield* released({ shutdown: () => Effect.fail(failure("rejected", { retryable: false })) })
      assert.strictEqual(leaks.length, 1)
    })
  )
})
