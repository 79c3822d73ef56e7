/** The neighbours of devboxes: what our client sends for them, what comes back, and the same through our own server. */
import { assert, describe, it } from "@effect/vitest"
import { BlueprintId, BlueprintParams, Blueprints } from "@effect-devbox/core/Blueprints"
import { ResourceNotFound } from "@effect-devbox/core/DevboxError"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import {
  NetworkPolicies,
  NetworkPolicyChange,
  NetworkPolicyId,
  NetworkPolicyParams
} from "@effect-devbox/core/NetworkPolicies"
import * as RunloopResources from "@effect-devbox/core/RunloopResources"
import { SecretInfo, Secrets, SecretStore } from "@effect-devbox/core/Secrets"
import { StorageObjectId, StorageObjects } from "@effect-devbox/core/StorageObjects"
import * as StorageFiles from "@effect-devbox/node/StorageFiles"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { type Asked, cannedClient, type Reply } from "./canned.ts"
import { apiKey, layerInProcess } from "./support.ts"

const options = { apiKey: Redacted.make("a-secret-key"), baseUrl: "http://api.devbox.test" }

/** All four services over a server that answers from a script. */
const services = (reply: (asked: Asked, index: number) => Reply) => {
  const { asked, client } = cannedClient(reply)
  const stores = RunloopResources.layer(options).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
  const layer = Layer.mergeAll(Blueprints.layer, StorageObjects.layer, Secrets.layer, NetworkPolicies.layer).pipe(
    Layer.provide(stores)
  )
  return { asked, layer }
}

const sent = ({ body, method, path }: Asked) => `${method} ${path}${body === "" ? "" : ` ${body}`}`

const blueprint = (status: string, over: object = {}) => ({
  id: "bpt_1",
  name: "b",
  create_time_ms: 1,
  parameters: { name: "b", dockerfile: null },
  state: "created",
  status,
  ...over
})

describe("a blueprint", () => {
  it.effect("is built and waited for", () => {
    const { asked, layer } = services((_, index) => ({
      body: blueprint(["queued", "provisioning", "building", "build_complete"][index] ?? "?")
    }))
    return Effect.gen(function* () {
      const params = new BlueprintParams({ name: "b", dockerfile: "FROM x", systemSetupCommands: ["true"] })
      const fiber = yield* Effect.forkChild(
        Blueprints.use((blueprints) => blueprints.build(params)),
        { startImmediately: true }
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, "build_complete")
      assert.deepStrictEqual(asked.map(sent), [
        `POST /v1/blueprints {"name":"b","dockerfile":"FROM x","system_setup_commands":["true"]}`,
        "GET /v1/blueprints/bpt_1",
        "GET /v1/blueprints/bpt_1",
        "GET /v1/blueprints/bpt_1"
      ])
    }).pipe(Effect.provide(layer))
  })
  for (const status of ["failed", "awaiting_upload"]) {
    it.effect(`that is ${status} was not built`, () => {
      const { layer } = services(() => ({ body: blueprint(status, { failure_reason: "out_of_disk" }) }))
      return Effect.gen(function* () {
        const error = yield* Effect.flip(
          Blueprints.use((blueprints) => blueprints.awaitBuild(BlueprintId.make("bpt_1")))
        )
        assert.strictEqual(error._tag, "BlueprintFailed")
        assert.include(error.message, "out_of_disk")
      }).pipe(Effect.provide(layer))
    })
  }
  it.effect("that does not exist is not found, and its logs and previews are asked where they are", () => {
    const { asked, layer } = services(({ path }) =>
      path.endsWith("/logs")
        ? { body: { blueprint_id: "bpt_1", logs: [{ level: "info", message: "m", timestamp_ms: 1 }] } }
        : path.endsWith("/preview")
          ? { body: { dockerfile: "FROM y" } }
          : { status: 404, body: { message: "no" } }
    )
    return Effect.gen(function* () {
      const blueprints = yield* Blueprints
      const id = BlueprintId.make("bpt_1")
      const missing = yield* Effect.flip(blueprints.get(id))
      assert.deepStrictEqual({ ...missing }, { ...new ResourceNotFound({ resource: "blueprint", id }) })
      assert.strictEqual((yield* blueprints.logs(id))[0]?.message, "m")
      assert.strictEqual(yield* blueprints.preview(new BlueprintParams({ name: "b" })), "FROM y")
      assert.deepStrictEqual(
        asked.map(({ method, path }) => `${method} ${path}`),
        ["GET /v1/blueprints/bpt_1", "GET /v1/blueprints/bpt_1/logs", "POST /v1/blueprints/preview"]
      )
    }).pipe(Effect.provide(layer))
  })
  it.effect("is listed page by page, everybody's too", () => {
    const { asked, layer } = services(({ query }) => ({
      body: {
        blueprints: [blueprint("building", { id: query["starting_after"] === undefined ? "bpt_1" : "bpt_2" })],
        has_more: query["starting_after"] === undefined
      }
    }))
    return Effect.gen(function* () {
      const blueprints = yield* Blueprints
      const found = yield* Stream.runCollect(blueprints.list({ isPublic: true, name: "b" }))
      assert.deepStrictEqual(
        found.map(({ id }) => id),
        ["bpt_1", "bpt_2"]
      )
      assert.deepStrictEqual(
        asked.map(({ path, query }) => [path, query["name"], query["starting_after"]]),
        [
          ["/v1/blueprints/list_public", "b", undefined],
          ["/v1/blueprints/list_public", "b", "bpt_1"]
        ]
      )
    }).pipe(Effect.provide(layer))
  })
})

const object = (over: object = {}) => ({
  id: "obj_1",
  name: "o",
  content_type: "text",
  state: "UPLOADING",
  create_time_ms: 1,
  upload_url: "http://storage.test/put?signature=s3cret",
  ...over
})

describe("a storage object", () => {
  it.effect("is created, sent without the key and without a content type, and completed", () => {
    const { asked, layer } = services(({ method, path }) =>
      method === "PUT"
        ? { body: "" }
        : { body: object(path.endsWith("/complete") ? { state: "READ_ONLY", upload_url: null } : {}) }
    )
    return Effect.gen(function* () {
      const info = yield* StorageObjects.use((objects) => objects.upload("héllo", { name: "o", timeToLive: "1 hour" }))
      assert.strictEqual(info.state, "READ_ONLY")
      assert.deepStrictEqual(asked.map(sent), [
        `POST /v1/objects {"name":"o","content_type":"text","ttl_ms":3600000}`,
        "PUT /put héllo",
        "POST /v1/objects/obj_1/complete"
      ])
      const put = asked[1]!
      assert.isUndefined(put.headers["authorization"])
      assert.isUndefined(put.headers["content-type"])
      assert.deepStrictEqual(put.query, { signature: "s3cret" })
    }).pipe(Effect.provide(layer))
  })
  it.effect("that was not sent whole is deleted, and the contents' own failure comes out", () => {
    const { asked, layer } = services(({ method }) => (method === "PUT" ? { body: "" } : { body: object() }))
    return Effect.gen(function* () {
      const contents = Stream.concat(Stream.make(new Uint8Array([1])), Stream.fail("mine" as const))
      const error = yield* Effect.flip(StorageObjects.use((objects) => objects.upload(contents, { name: "o" })))
      assert.strictEqual(error, "mine")
      assert.strictEqual(asked.at(-1)?.path, "/v1/objects/obj_1/delete")
    }).pipe(Effect.provide(layer))
  })
  it.effect("never shows its address in an error", () => {
    const { layer } = services(({ method }) =>
      method === "PUT" ? { status: 403, body: "denied" } : { body: object() }
    )
    return Effect.gen(function* () {
      const error = yield* Effect.flip(StorageObjects.use((objects) => objects.upload("x", { name: "o" })))
      assert.notInclude(error.message + JSON.stringify(error), "s3cret")
    }).pipe(Effect.provide(layer))
  })
  it.effect("is downloaded from where the server says, without the key", () => {
    const { asked, layer } = services(({ path }) =>
      path.startsWith("/v1/")
        ? { body: { download_url: "http://storage.test/get?signature=s" } }
        : { body: { pieces: ["a", "b"] } }
    )
    return Effect.gen(function* () {
      const objects = yield* StorageObjects
      assert.strictEqual(yield* objects.downloadText(StorageObjectId.make("obj_1")), "ab")
      assert.isUndefined(asked[1]?.headers["authorization"])
      assert.deepStrictEqual(asked[0]?.query, { duration_seconds: "3600" })
    }).pipe(Effect.provide(layer))
  })
})

describe("a file of this machine", () => {
  const upload = (effect: Effect.Effect<unknown, unknown, StorageObjects>) => {
    const { asked, layer } = services(({ method }) => (method === "PUT" ? { body: "" } : { body: object() }))
    return Effect.as(Effect.provide(effect, layer), asked)
  }
  it.effect("is sent as it is, with its size", () =>
    Effect.gen(function* () {
      const path = fileURLToPath(new URL("./golden/network.json", import.meta.url))
      const asked = yield* upload(StorageFiles.uploadFile(path))
      assert.deepStrictEqual(JSON.parse(asked[0]!.body), { name: "network.json", content_type: "text" })
      assert.strictEqual(asked[1]?.body, readFileSync(path, "utf8"))
      assert.strictEqual(asked[1]?.headers["content-length"], String(readFileSync(path).length))
    })
  )
  it.effect("in a folder is sent as part of an archive", () =>
    Effect.gen(function* () {
      const path = fileURLToPath(new URL("./golden", import.meta.url))
      const asked = yield* upload(StorageFiles.uploadDirectory(path, { exclude: (name) => name === "files.json" }))
      assert.deepStrictEqual(JSON.parse(asked[0]!.body), { name: "golden.tgz", content_type: "tgz" })
    })
  )
  it.effect("that is not there fails before anything is sent", () =>
    Effect.gen(function* () {
      const { asked, layer } = services(() => ({ body: object() }))
      const error = yield* Effect.flip(Effect.provide(StorageFiles.uploadFile("/nowhere/at/all"), layer))
      assert.strictEqual(error._tag, "LocalPathError")
      assert.deepStrictEqual(asked, [])
    })
  )
})

const secret = { id: "sec_1", name: "TOKEN", create_time_ms: 1, update_time_ms: 2 }

describe("a secret", () => {
  it.effect("goes in by name and never comes out", () => {
    const { asked, layer } = services(({ method, path }) =>
      method === "GET" && path === "/v1/secrets" ? { body: { secrets: [secret], has_more: false } } : { body: secret }
    )
    return Effect.gen(function* () {
      const secrets = yield* Secrets
      const value = Redacted.make("v4lue")
      yield* secrets.create("TOKEN", value)
      yield* secrets.update("TOKEN", value)
      yield* secrets.get("TOKEN")
      yield* secrets.delete("TOKEN")
      assert.deepStrictEqual(
        (yield* secrets.list(3)).map(({ name }) => name),
        ["TOKEN"]
      )
      assert.deepStrictEqual(asked.map(sent), [
        `POST /v1/secrets {"name":"TOKEN","value":"v4lue"}`,
        `POST /v1/secrets/TOKEN {"value":"v4lue"}`,
        "GET /v1/secrets/TOKEN",
        "POST /v1/secrets/TOKEN/delete",
        "GET /v1/secrets"
      ])
    }).pipe(Effect.provide(layer))
  })
})

describe("a network policy", () => {
  it.effect("is asked for flat and answered with its rules in one place", () => {
    const { asked, layer } = services(() => ({
      body: {
        id: "np_1",
        name: "n",
        create_time_ms: 1,
        update_time_ms: 1,
        egress: {
          allow_all: false,
          allowed_hostnames: ["*.x.test"],
          allowed_cidrs: [{ cidr: "10.0.0.0/8", ports: [{ port: 1, end_port: 2 }] }]
        }
      }
    }))
    return Effect.gen(function* () {
      const policies = yield* NetworkPolicies
      const made = yield* policies.create(
        new NetworkPolicyParams({ name: "n", allowAll: false, allowedHostnames: ["*.x.test"] })
      )
      assert.strictEqual(made.egress.allowedCidrs?.[0]?.ports?.[0]?.endPort, 2)
      yield* policies.update(NetworkPolicyId.make("np_1"), new NetworkPolicyChange({ description: "d" }))
      yield* policies.delete(NetworkPolicyId.make("np_1"))
      assert.deepStrictEqual(asked.map(sent), [
        `POST /v1/network-policies {"name":"n","allow_all":false,"allowed_hostnames":["*.x.test"]}`,
        `POST /v1/network-policies/np_1 {"description":"d"}`,
        "POST /v1/network-policies/np_1/delete"
      ])
    }).pipe(Effect.provide(layer))
  })
})

describe("through our own server", () => {
  const over = <S>(stores: Layer.Layer<S>) =>
    Layer.mergeAll(Blueprints.layer, StorageObjects.layer, Secrets.layer, NetworkPolicies.layer).pipe(
      Layer.provide(RunloopResources.layer({ ...options, apiKey })),
      Layer.provide(layerInProcess().pipe(Layer.provide(memory()), Layer.provide(stores)))
    )

  it.effect("what it does not have is a typed refusal before anything happens", () =>
    Effect.gen(function* () {
      const refusals = [
        Effect.flip(Secrets.use((secrets) => secrets.create("A", Redacted.make("v")))),
        Effect.flip(Blueprints.use((blueprints) => blueprints.create(new BlueprintParams({ name: "b" })))),
        Effect.flip(StorageObjects.use((objects) => objects.upload("x", { name: "o" }))),
        Effect.flip(Stream.runDrain(Stream.unwrap(NetworkPolicies.useSync((policies) => policies.list()))))
      ]
      for (const refusal of refusals) {
        const error = yield* refusal
        assert.strictEqual(error._tag === "BackendError" ? error.reason._tag : error, "UnsupportedError")
      }
    }).pipe(Effect.provide(over(Layer.empty)))
  )

  it.effect("what it has is what the store says", () => {
    const kept = new Map<string, SecretInfo>()
    const found = (name: string) =>
      Effect.suspend(() => {
        const info = kept.get(name)
        return info === undefined
          ? Effect.fail(new ResourceNotFound({ resource: "secret", id: name }))
          : Effect.succeed(info)
      })
    const values: Array<string> = []
    const store = Layer.succeed(SecretStore, {
      name: "store",
      create: (name, value) =>
        Effect.sync(() => {
          const info = new SecretInfo({ id: `sec_${name}`, name, createTimeMs: 1, updateTimeMs: 1 })
          kept.set(name, info)
          values.push(Redacted.value(value))
          return info
        }),
      get: found,
      update: (name, value) => Effect.tap(found(name), () => Effect.sync(() => values.push(Redacted.value(value)))),
      delete: (name) => Effect.asVoid(Effect.tap(found(name), () => Effect.sync(() => kept.delete(name)))),
      list: (limit) => Effect.sync(() => [...kept.values()].slice(0, limit))
    })
    return Effect.gen(function* () {
      const secrets = yield* Secrets
      yield* secrets.create("A", Redacted.make("one"))
      yield* secrets.update("A", Redacted.make("two"))
      assert.deepStrictEqual(values, ["one", "two"])
      assert.deepStrictEqual(
        (yield* secrets.list()).map(({ name }) => name),
        ["A"]
      )
      yield* secrets.delete("A")
      assert.deepStrictEqual(
        { ...(yield* Effect.flip(secrets.get("A"))) },
        { ...new ResourceNotFound({ resource: "secret", id: "A" }) }
      )
    }).pipe(Effect.provide(over(store)))
  })
})
