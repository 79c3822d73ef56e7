/** What a caller must not get: what is another's, what was another's answer, and more than a share of the server. */
import { assert, describe, it } from "@effect/vitest"
import { CurrentCaller } from "@effect-devbox/core/ApiKeys"
import { DevboxBackend, type Shape } from "@effect-devbox/core/DevboxBackend"
import { CreateParams } from "@effect-devbox/core/DevboxModel"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import { SnapshotParams } from "@effect-devbox/core/Snapshot"
import { Effect, Layer, Redacted, Schedule } from "effect"
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
      const command = '{"command":"echo x","command_id":"c-1"}'
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

describe("one caller", () => {
  const bob = Redacted.value(keys.bob)
  it.live("has as many devboxes and commands at once as the server allows, and others are not concerned", () =>
    Effect.gen(function* () {
      const { url } = yield* serve({ limits: { devboxesPerCaller: 2, executionsPerCaller: 1 } })
      const create = (key?: string) => ask(url, "/v1/devboxes", { body: "{}", ...(key === undefined ? {} : { key }) })
      const one = idOf((yield* create()).body)
      yield* create()
      const refused = yield* create()
      assert.strictEqual(refused.status, 429)
      assert.deepInclude(JSON.parse(refused.body), {
        code: "rate_limited",
        message: "this key has 2 devboxes, as many as the server allows; end some first"
      })
      assert.isDefined(refused.headers["retry-after-ms"])
      assert.strictEqual((yield* create(bob)).status, 200)
      const run = (id: string) =>
        ask(url, `/v1/devboxes/${one}/execute`, {
          body: JSON.stringify({ command: "sleep 100", command_id: id, optimistic_timeout: 0 })
        })
      assert.strictEqual((yield* run("c-1")).status, 200)
      assert.strictEqual((yield* run("c-2")).status, 429)
      // The same command again is no other.
      assert.strictEqual((yield* run("c-1")).status, 200)
      yield* ask(url, `/v1/devboxes/${one}/executions/c-1/kill`, { body: "{}" })
      yield* ask(url, `/v1/devboxes/${one}/executions/c-1/wait_for_status`, { body: '{"statuses":["completed"]}' })
      yield* Effect.repeat(run("c-2"), {
        until: ({ status }) => status === 200,
        schedule: Schedule.spaced("100 millis")
      })
      yield* ask(url, `/v1/devboxes/${one}/shutdown`, { body: "{}" })
      yield* Effect.repeat(create(), { until: ({ status }) => status === 200, schedule: Schedule.spaced("100 millis") })
    }).pipe(Effect.scoped)
  )
  it.live("counts with the devboxes that were there when the server started", () =>
    Effect.gen(function* () {
      const backend = Layer.succeed(DevboxBackend, yield* DevboxBackend)
      const stateDir = yield* temporaryFolder
      const started = (limit: number) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { url } = yield* serve({ stateDir, limits: { devboxesPerCaller: limit } }, backend)
            return (yield* ask(url, "/v1/devboxes", { body: "{}" })).status
          })
        )
      assert.strictEqual(yield* started(1), 200)
      assert.strictEqual(yield* started(1), 429)
      assert.strictEqual(yield* started(2), 200)
    }).pipe(Effect.scoped, Effect.provide(memory()))
  )
  it.live("who holds more requests than they may is answered early, and nobody else is", () =>
    Effect.gen(function* () {
      const server = yield* serve({ limits: { heldPerCaller: 1 } })
      const wait = (key: string, id: string, seconds: number) =>
        ask(server.url, `/v1/devboxes/${id}/wait_for_status`, {
          key,
          body: JSON.stringify({ statuses: ["suspended"], timeout_seconds: seconds })
        })
      const made = (key: string) =>
        Effect.map(ask(server.url, "/v1/devboxes", { key, body: "{}" }), ({ body }) => idOf(body))
      const [hers, his] = [yield* made(alice), yield* made(bob)]
      const first = yield* Effect.forkScoped(wait(alice, hers, 20))
      yield* Effect.repeat(server.load, { until: ({ held }) => held === 1, schedule: Schedule.spaced("10 millis") })
      // Early: long before what it asks for, and before the other's two seconds.
      const second = yield* Effect.race(Effect.as(wait(alice, hers, 20), "hers"), Effect.as(wait(bob, his, 3), "his"))
      assert.strictEqual(second, "hers")
      assert.isUndefined(first.pollUnsafe())
    }).pipe(Effect.scoped)
  )
  it.live("who follows more streams than they may is told to come back, and the others go on", () =>
    Effect.gen(function* () {
      const server = yield* serve({ limits: { heldPerCaller: 1 } })
      const box = `/v1/devboxes/${idOf((yield* ask(server.url, "/v1/devboxes", { body: "{}" })).body)}`
      yield* ask(server.url, `${box}/execute`, {
        body: '{"command":"echo out; sleep 100","command_id":"c","optimistic_timeout":0}'
      })
      const follow = ask(server.url, `${box}/executions/c/stream_stdout_updates`)
      const first = yield* Effect.forkScoped(follow)
      yield* Effect.repeat(server.load, { until: ({ held }) => held === 1, schedule: Schedule.spaced("10 millis") })
      const second = yield* follow
      assert.match(second.body, /"output":"out\\n"[\s\S]*event: error\ndata: .*"code":"408"/)
      assert.isUndefined(first.pollUnsafe())
      // The server counts the end of a stream when the client hears of it, or a moment later.
      yield* Effect.repeat(server.load, { until: ({ held }) => held === 1, schedule: Schedule.spaced("10 millis") })
    }).pipe(Effect.scoped)
  )
})
