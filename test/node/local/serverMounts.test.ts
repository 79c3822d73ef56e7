/** Objects of a server's callers in devboxes of this machine. */
import { assert, describe, it } from "@effect/vitest"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Redacted } from "effect"
import { ask1, keys, serve } from "../server/support.ts"
import { stateDir } from "./fixtures.ts"

describe("an object of a caller", () => {
  it.live("is in the devbox that is created with it, and in nobody else's", () =>
    Effect.gen(function* () {
      const { url } = yield* serve({}, LocalBackend.layer({ stateDir: yield* stateDir }))
      const as = (key: Redacted.Redacted) => (path: string, body?: unknown) =>
        Effect.map(
          Effect.promise(() =>
            ask1(url, { path, key: Redacted.value(key), body: body === undefined ? undefined : JSON.stringify(body) })
          ),
          ({ body: text, status }) => ({ status, body: JSON.parse(text) as Readonly<Record<string, string>> })
        )
      const [alice, bob] = [as(keys.alice), as(keys.bob)]
      const { body: object } = yield* alice("/v1/objects", { name: "o.txt", content_type: "text" })
      const mounts = [{ type: "object_mount", object_id: object["id"], object_path: "/home/user/in/o.txt" }]
      const early = yield* alice("/v1/devboxes", { mounts })
      assert.strictEqual(early.status, 400)
      assert.include(early.body["message"], "is not complete")
      yield* Effect.promise(() => fetch(String(object["upload_url"]), { method: "PUT", body: "from an object" }))
      yield* alice(`/v1/objects/${object["id"]}/complete`, {})
      const stranger = yield* bob("/v1/devboxes", { mounts })
      assert.deepStrictEqual([stranger.status, stranger.body["code"]], [404, "not_found"])
      assert.deepStrictEqual((yield* bob("/v1/devboxes")).body["devboxes"], [] as never)
      const { body: devbox } = yield* alice("/v1/devboxes/create_and_await_running", { mounts })
      assert.strictEqual(devbox["status"], "running")
      const read = yield* alice(`/v1/devboxes/${devbox["id"]}/execute_sync`, { command: "cat in/o.txt" })
      assert.strictEqual(read.body["stdout"], "from an object")
      yield* alice(`/v1/devboxes/${devbox["id"]}/shutdown`, {})
    }).pipe(Effect.scoped)
  )
  it.live("is refused with its type by a server whose backend cannot bring it", () =>
    Effect.gen(function* () {
      const { url } = yield* serve()
      const body = JSON.stringify({ mounts: [{ type: "object_mount", object_id: "obj_1", object_path: "/x" }] })
      const refused = yield* Effect.promise(() =>
        ask1(url, { path: "/v1/devboxes", key: Redacted.value(keys.alice), body })
      )
      assert.deepStrictEqual([refused.status, JSON.parse(refused.body).code], [501, "unsupported"])
    }).pipe(Effect.scoped)
  )
})
