/** What a caller must not get: what is another's, what was another's answer, and more than a share of the server. */
import { assert, describe, it } from "@effect/vitest"
import { CurrentCaller } from "@effect-devbox/core/ApiKeys"
import { DevboxBackend, type Shape } from "@effect-devbox/core/DevboxBackend"
import { CreateParams } from "@effect-devbox/core/DevboxModel"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import { SnapshotParams } from "@effect-devbox/core/Snapshot"
import { Effect, Redacted } from "effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { openFolder } from "../../../packages/node/src/internal/server/folder.ts"
import { keepApart } from "../../../packages/node/src/internal/server/tenancy.ts"
import { type Ask, ask1, keys, serve, temporaryFolder } from "./support.ts"

const alice = Redacted.value(keys.alice)

const ask = (url: string, path: string, asked: Partial<Ask> = {}) =>
  Effect.promise(() => ask1(url, { path, key: alice, ...asked }))

const sent = (id: string, body: string, more: Partial<Ask> = {}): Partial<Ask> => ({
  body,
  headers: { "x-request-id": id },
  ...more
})

const idOf = (body: string): string => (JSON.parse(body) as { readonly id: string }).id

describe("a backend that keeps callers apart", () => {
  it.live("has no member of the backend behind it that it did not make its own", () =>
    Effect.gen(function* () {
      const backend = yield* DevboxBackend
      const folder = openFolder(yield* temporaryFolder)
      yield* Effect.addFinalizer(() => Effect.sync(() => folder.db.close()))
      const extra = { ...backend, peek: () => "everything" }
      const apart = keepApart(extra, folder.db, Effect.succeed) as Shape & { readonly peek?: unknown }
      assert.notProperty(apart, "peek")
      for (const name of Object.keys(backend) as Array<keyof Shape>) {
        if (name === "name" || name === "capabilities") continue
        assert.property(apart, name)
        assert.notStrictEqual(apart[name], backend[name], name)
      }
      const as = (id: string) => Effect.provideService(CurrentCaller, { id })
      const made = yield* apart.create(new CreateParams({})).pipe(as("alice"))
      const stolen = yield* apart.fetch(made.id, 8080, HttpClientRequest.get("/")).pipe(as("bob"), Effect.flip)
      assert.strictEqual(stolen._tag, "ResourceNotFound")
      const snapshot = yield* apart.startSnapshot(made.id, new SnapshotParams({})).pipe(as("alice"))
      const { waitForSnapshot } = apart
      if (waitForSnapshot !== undefined) {
        const state = yield* waitForSnapshot(snapshot.id, 0 as never).pipe(as("alice"))
        assert.deepStrictEqual(state.snapshot?.metadata, {})
        assert.strictEqual(
          (yield* waitForSnapshot(snapshot.id, 0 as never).pipe(as("bob"), Effect.flip))._tag,
          "ResourceNotFound"
        )
      }
    }).pipe(Effect.scoped, Effect.provide(memory()))
  )
})

describe("a request id", () => {
  it.live("that comes again with another body is refused, and nothing is done", () =>
    Effect.gen(function* () {
      const { url } = yield* serve()
      const first = yield* ask(url, "/v1/devboxes", sent("r-1", '{"name":"one"}'))
      assert.strictEqual(first.status, 200)
      const other = yield* ask(url, "/v1/devboxes", sent("r-1", '{"name":"two"}'))
      assert.strictEqual(other.status, 422)
      assert.strictEqual(other.headers["x-should-retry"], "false")
      assert.include(other.body, "x-request-id was sent before with another request")
      assert.strictEqual((yield* ask(url, "/v1/devboxes", sent("r-1", '{"name":"one"}'))).body, first.body)
      const list = JSON.parse((yield* ask(url, "/v1/devboxes")).body) as { readonly devboxes: ReadonlyArray<unknown> }
      assert.strictEqual(list.devboxes.length, 1)
      // Another query is another request, too; another path has ids of its own.
      const box = `/v1/devboxes/${idOf(first.body)}`
      const command = '{"command":"seq 3","command_id":"c-1"}'
      assert.strictEqual((yield* ask(url, `${box}/execute?last_n=1`, sent("r-1", command))).status, 200)
      assert.strictEqual((yield* ask(url, `${box}/execute?last_n=2`, sent("r-1", command))).status, 422)
    }).pipe(Effect.scoped)
  )
  it.live("that comes again while the first is carried out has to say the same", () =>
    Effect.gen(function* () {
      const { url } = yield* serve()
      const box = `/v1/devboxes/${idOf((yield* ask(url, "/v1/devboxes", { body: "{}" })).body)}`
      const [one, two, three] = yield* Effect.all(
        [
          ask(url, `${box}/execute_sync`, sent("r", '{"command":"sleep 0.3; echo one"}')),
          ask(url, `${box}/execute_sync`, sent("r", '{"command":"sleep 0.3; echo two"}')),
          ask(url, `${box}/execute_sync`, sent("r", '{"command":"sleep 0.3; echo one"}'))
        ],
        { concurrency: "unbounded" }
      )
      // Which of them the server saw first is the network's affair.
      assert.deepStrictEqual(
        [one.status, two.status, three.status].toSorted((a, b) => a - b),
        one.status === 200 ? [200, 200, 422] : [200, 422, 422]
      )
    }).pipe(Effect.scoped)
  )
})

describe("a kept answer", () => {
  it.live("is given again to its caller, and is nowhere on the disk in words", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const told = yield* Effect.scoped(
        Effect.gen(function* () {
          const { url } = yield* serve({ stateDir })
          const box = `/v1/devboxes/${idOf((yield* ask(url, "/v1/devboxes", { body: "{}" })).body)}`
          const tunnel = sent("t-1", '{"auth_mode":"authenticated"}')
          const opened = yield* ask(url, `${box}/enable_tunnel`, tunnel)
          const key = yield* ask(url, `${box}/create_ssh_key`, sent("k-1", "{}"))
          assert.strictEqual((yield* ask(url, `${box}/create_ssh_key`, sent("k-1", "{}"))).body, key.body)
          assert.strictEqual((yield* ask(url, `${box}/enable_tunnel`, tunnel)).body, opened.body)
          const secrets = [
            (JSON.parse(opened.body) as { readonly auth_token: string }).auth_token,
            (JSON.parse(key.body) as { readonly ssh_private_key: string }).ssh_private_key
          ]
          const found = () =>
            readdirSync(stateDir)
              .filter((name) => name.startsWith("server.db"))
              .filter((name) => {
                const bytes = readFileSync(join(stateDir, name), "latin1")
                return secrets.some((secret) => bytes.includes(secret))
              })
          assert.isTrue(secrets.every((secret) => secret.length > 4))
          assert.deepStrictEqual(found(), [])
          return { found }
        })
      )
      assert.deepStrictEqual(told.found(), [])
    }).pipe(Effect.scoped)
  )
})
