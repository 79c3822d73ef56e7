/** Objects that nobody is given are deleted. */
import { ObjectInfo, ObjectStore, StorageObjectId, StorageObjects } from "@effect-devbox/core/StorageObjects"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"

const info = (over: { readonly uploadUrl?: Redacted.Redacted } = {}) =>
  new ObjectInfo({
    id: StorageObjectId.make("obj_1"),
    name: "o",
    contentType: "text",
    state: "UPLOADING",
    createTimeMs: 0,
    ...over
  })

/** A store of which only uploading and deleting are there; gives what was deleted. */
const storing = (created: ObjectInfo, send: () => Effect.Effect<void>, complete = Effect.succeed(created)) => {
  const deleted: Array<string> = []
  const unexpected = () => Effect.die("the test did not expect this")
  const store = Layer.succeed(ObjectStore, {
    name: "stub",
    create: () => Effect.succeed(created),
    send,
    complete: () => complete,
    delete: (id) => Effect.sync(() => void deleted.push(id)),
    get: unexpected,
    downloadUrl: unexpected,
    download: () => Stream.die("the test did not expect this"),
    list: unexpected
  })
  const upload = StorageObjects.use((objects) => objects.upload("text", { name: "o" })).pipe(
    Effect.provide(Layer.provide(StorageObjects.layer, store))
  )
  return { deleted, upload }
}

const sendable = info({ uploadUrl: Redacted.make("http://store.test/o") })

describe("an upload", () => {
  it.effect("deletes the object when there is nowhere to send to", () =>
    Effect.gen(function* () {
      const { deleted, upload } = storing(info(), () => Effect.void)
      const error = yield* Effect.flip(upload)
      assert.include(error.message, "without an address")
      assert.deepStrictEqual(deleted, ["obj_1"])
    })
  )

  it.effect("deletes the object when it is interrupted, and when that comes with the last answer", () =>
    Effect.gen(function* () {
      const sending = storing(sendable, () => Effect.never)
      const fiber = yield* Effect.forkChild(sending.upload, { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(sending.deleted, ["obj_1"])

      const late = storing(
        sendable,
        () => Effect.void,
        Effect.uninterruptible(
          Effect.sync(() => {
            last.interruptUnsafe()
            return sendable
          })
        )
      )
      const last: Fiber.Fiber<unknown, unknown> = yield* Effect.forkChild(late.upload)
      yield* Fiber.await(last)
      assert.deepStrictEqual(late.deleted, ["obj_1"])
    })
  )

  it.effect("keeps the object that it gives", () =>
    Effect.gen(function* () {
      const { deleted, upload } = storing(sendable, () => Effect.void)
      assert.strictEqual((yield* upload).id, "obj_1")
      assert.deepStrictEqual(deleted, [])
    })
  )
})
