/** Several keys over one backend: each sees its own and nothing of the others', and what there is outlives the server. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import { Effect, Layer, Redacted } from "effect"
import { ask1, keys, serve, temporaryFolder } from "./support.ts"

const alice = Redacted.value(keys.alice)
const bob = Redacted.value(keys.bob)

interface Body {
  readonly id: string
  readonly metadata?: Record<string, string>
  readonly [name: string]: unknown
}

const callers = (url: string) => {
  const call =
    (key: string) =>
    (path: string, body?: unknown, headers: Record<string, string> = {}) =>
      Effect.map(
        Effect.promise(() =>
          ask1(url, { path, key, headers, body: body === undefined ? undefined : JSON.stringify(body) })
        ),
        ({ body: text, status }) => ({ status, text, body: JSON.parse(text) as Body })
      )
  return { alice: call(alice), bob: call(bob) }
}

/** One backend that outlives servers. */
const shared = Effect.map(
  Effect.flatMap(Layer.build(memory()), (context) => Effect.provide(DevboxBackend, context)),
  (backend) => ({ backend, layer: Layer.succeed(DevboxBackend, backend) })
)

describe("two keys", () => {
  it.live("see devboxes and snapshots of their own, and of the other's not even that they exist", () =>
    Effect.gen(function* () {
      const { url } = yield* serve()
      const as = callers(url)
      const { body: devbox } = yield* as.alice("/v1/devboxes", { name: "a", metadata: { team: "x" } })
      const { body: execution } = yield* as.alice(`/v1/devboxes/${devbox.id}/execute_async`, { command: "true" })
      const { body: snapshot } = yield* as.alice(`/v1/devboxes/${devbox.id}/snapshot_disk`, { name: "s" })
      assert.match(snapshot.id, /^snp_/)
      const box = `/v1/devboxes/${devbox.id}`
      const run = `${box}/executions/${String(execution["execution_id"])}`
      const snap = `/v1/devboxes/disk_snapshots/${snapshot.id}`
      const calls: ReadonlyArray<readonly [path: string, body?: unknown]> = [
        [box],
        [box, { name: "b" }],
        [`${box}/wait_for_status`, { statuses: ["running"] }],
        [`${box}/suspend`, {}],
        [`${box}/resume`, {}],
        [`${box}/shutdown`, {}],
        [`${box}/keep_alive`, {}],
        [`${box}/usage`],
        [`${box}/logs`],
        [`${box}/execute`, { command: "true", command_id: "c" }],
        [`${box}/execute_async`, { command: "true" }],
        [`${box}/execute_sync`, { command: "true" }],
        [`${box}/snapshot_disk`, {}],
        [`${box}/snapshot_disk_async`, {}],
        [`${box}/read_file_contents`, { file_path: "/x" }],
        [`${box}/write_file_contents`, { file_path: "/x", contents: "" }],
        [`${box}/download_file`, { path: "/x" }],
        [`${box}/create_ssh_key`, {}],
        [`${box}/enable_tunnel`, {}],
        [`${box}/remove_tunnel`, {}],
        [`${box}/create_tunnel`, { port: 1 }],
        [run],
        [`${run}/wait_for_status`, { statuses: ["completed"] }],
        [`${run}/kill`, {}],
        [`${run}/send_std_in`, { text: "x" }],
        [`${run}/stream_stdout_updates`],
        [`${run}/stream_stderr_updates`],
        [snap, { name: "t" }],
        [`${snap}/status`],
        [`${snap}/delete`, {}],
        ["/v1/devboxes", { snapshot_id: snapshot.id }]
      ]
      for (const [path, body] of calls) {
        const stranger = yield* as.bob(path, body)
        const nobody = yield* as.bob(
          path.replace(devbox.id, "dbx_999999").replace(snapshot.id, "snp_999999"),
          JSON.parse(JSON.stringify(body ?? null).replace(snapshot.id, "snp_999999")) ?? undefined
        )
        assert.strictEqual(stranger.status, 404, path)
        assert.strictEqual(
          stranger.text.replaceAll(devbox.id, "dbx_999999").replaceAll(snapshot.id, "snp_999999"),
          nobody.text,
          path
        )
      }
      assert.deepStrictEqual((yield* as.bob("/v1/devboxes")).body["devboxes"], [])
      assert.deepStrictEqual((yield* as.bob("/v1/devboxes/disk_snapshots")).body["snapshots"], [])
      assert.strictEqual(((yield* as.alice("/v1/devboxes")).body["devboxes"] as ReadonlyArray<unknown>).length, 1)
      assert.strictEqual((yield* as.alice(box)).body["status"], "running")
    }).pipe(Effect.scoped)
  )
  it.live("can neither read nor write the stamp that says whose a devbox is", () =>
    Effect.gen(function* () {
      const { backend, layer } = yield* shared
      const { url } = yield* serve({}, layer)
      const as = callers(url)
      const forged = { "effect-devbox.server.tenant": "alice", mine: "1" }
      const { body } = yield* as.bob("/v1/devboxes", { metadata: forged })
      assert.deepStrictEqual(body.metadata, { mine: "1" })
      const { body: changed } = yield* as.bob(`/v1/devboxes/${body.id}`, { metadata: { ...forged, more: "2" } })
      assert.deepStrictEqual(changed.metadata, { mine: "1", more: "2" })
      const { items } = yield* backend.list({})
      assert.strictEqual(items[0]?.metadata["effect-devbox.server.tenant"], "bob")
      assert.deepStrictEqual((yield* as.alice("/v1/devboxes")).body["devboxes"], [])
      const filtered = yield* as.bob("/v1/devboxes?metadata[effect-devbox.server.tenant]=bob")
      assert.deepStrictEqual(filtered.body["devboxes"], [])
    }).pipe(Effect.scoped)
  )
  it.live("have secrets, policies and objects of their own", () =>
    Effect.gen(function* () {
      const { url } = yield* serve()
      const as = callers(url)
      const { body: secret } = yield* as.alice("/v1/secrets", { name: "TOKEN", value: "v4lue" })
      assert.notInclude(JSON.stringify(secret), "v4lue")
      assert.strictEqual((yield* as.bob("/v1/secrets", { name: "TOKEN", value: "other" })).status, 200)
      const { body: policy } = yield* as.alice("/v1/network-policies", { name: "p", allowed_hostnames: ["*.test"] })
      const { body: object } = yield* as.alice("/v1/objects", { name: "o", content_type: "text" })
      for (const [path, body] of [
        ["/v1/network-policies/ID"],
        ["/v1/network-policies/ID", { name: "q" }],
        ["/v1/network-policies/ID/delete", {}],
        ["/v1/objects/ID"],
        ["/v1/objects/ID/complete", {}],
        ["/v1/objects/ID/download"],
        ["/v1/objects/ID/delete", {}]
      ] as ReadonlyArray<readonly [string, unknown?]>) {
        const id = path.startsWith("/v1/objects") ? object.id : policy.id
        const stranger = yield* as.bob(path.replace("ID", id), body)
        const nobody = yield* as.bob(path.replace("ID", "x"), body)
        assert.strictEqual(stranger.status, 404, path)
        assert.strictEqual(stranger.text.replaceAll(id, "x"), nobody.text, path)
      }
      const environment = yield* as.alice("/v1/devboxes", { secrets: { GIVEN: "TOKEN" } })
      const printed = yield* as.alice(`/v1/devboxes/${environment.body.id}/execute_sync`, { command: "printenv GIVEN" })
      assert.strictEqual(printed.body["stdout"], "v4lue\n")
      assert.strictEqual((yield* as.alice("/v1/secrets/TOKEN/delete", {})).status, 200)
      assert.strictEqual((yield* as.alice("/v1/devboxes", { secrets: { GIVEN: "TOKEN" } })).status, 404)
      assert.strictEqual((yield* as.bob("/v1/secrets/TOKEN")).status, 200)
      const updated = yield* as.alice(`/v1/network-policies/${policy.id}`, { description: "d", allow_all: null })
      assert.deepInclude(updated.body, { name: "p", description: "d", egress: { allowed_hostnames: ["*.test"] } })
    }).pipe(Effect.scoped)
  )
  it.live("get nothing weaker from the server's machine than its operator allows", () =>
    Effect.gen(function* () {
      const closed = callers((yield* serve()).url)
      for (const body of [{ minimum_isolation: "process" }, { network: "host" }]) {
        const refused = yield* closed.alice("/v1/devboxes", body)
        assert.strictEqual(refused.status, 501)
        assert.strictEqual(refused.body["code"], "unsupported")
      }
      const open = callers((yield* serve({ allow: { weakIsolation: true } })).url)
      assert.strictEqual((yield* open.alice("/v1/devboxes", { minimum_isolation: "process" })).status, 200)
    }).pipe(Effect.scoped)
  )
})

describe("an object", () => {
  it.live("is sent to and fetched from signed addresses, without a key, and never by anybody else", () =>
    Effect.gen(function* () {
      const { url } = yield* serve()
      const as = callers(url)
      const { body: object } = yield* as.alice("/v1/objects", { name: "o.txt", content_type: "text", ttl_ms: null })
      const address = String(object["upload_url"])
      assert.isTrue(address.startsWith(url))
      assert.strictEqual((yield* as.alice(`/v1/objects/${object.id}/complete`, {})).status, 400)
      const send = (to: string, body: string | Uint8Array<ArrayBuffer>) =>
        Effect.promise(() => fetch(to, { method: "PUT", body }).then(({ status }) => status))
      assert.strictEqual(yield* send(`${address}x`, "no"), 403)
      assert.strictEqual(yield* send(address.replace(object.id, "obj_1"), "no"), 403)
      const bytes = new Uint8Array(3_000_000).map((_, index) => index % 251)
      assert.strictEqual(yield* send(address, bytes), 200)
      const { body: complete } = yield* as.alice(`/v1/objects/${object.id}/complete`, "")
      assert.deepInclude(complete, { state: "READ_ONLY", size_bytes: bytes.length })
      assert.notProperty(complete, "upload_url")
      assert.strictEqual(yield* send(address, "again"), 409)
      const { body: download } = yield* as.alice(`/v1/objects/${object.id}/download?duration_seconds=60`)
      const from = String(download["download_url"])
      assert.strictEqual(yield* send(from, "no"), 403)
      const fetched = yield* Effect.promise(() => fetch(from).then((response) => response.arrayBuffer()))
      assert.deepStrictEqual(new Uint8Array(fetched), bytes)
      assert.strictEqual((yield* as.alice("/v1/objects?search=o.t")).body["has_more"], false)
      assert.strictEqual((yield* as.alice(`/v1/objects/${object.id}/delete`, {})).body["state"], "DELETED")
      assert.strictEqual((yield* as.alice(`/v1/objects/${object.id}`)).status, 404)
      assert.strictEqual(yield* Effect.promise(() => fetch(from).then(({ status }) => status)), 403)
    }).pipe(Effect.scoped)
  )
})

describe("contents of an object that come to their end after it was completed", () => {
  it.live("change nothing, and the sender is told", () =>
    Effect.gen(function* () {
      const { url } = yield* serve()
      const as = callers(url)
      const { body: object } = yield* as.alice("/v1/objects", { name: "o", content_type: "text", ttl_ms: null })
      const address = String(object["upload_url"])
      yield* Effect.promise(() => fetch(address, { method: "PUT", body: "first" }))
      let finish = () => {}
      const late = new ReadableStream<Uint8Array>({
        start: (controller) => {
          controller.enqueue(new TextEncoder().encode("second"))
          finish = () => controller.close()
        }
      })
      const sent = fetch(address, { method: "PUT", body: late, duplex: "half" } as RequestInit)
      // It is under way when it has been asked for after another that is answered.
      yield* as.alice(`/v1/objects/${object.id}`)
      assert.strictEqual((yield* as.alice(`/v1/objects/${object.id}/complete`, "")).body["size_bytes"], 5)
      finish()
      assert.strictEqual(yield* Effect.promise(() => sent.then(({ status }) => status)), 409)
      const { body: download } = yield* as.alice(`/v1/objects/${object.id}/download`)
      const from = String(download["download_url"])
      assert.strictEqual(yield* Effect.promise(() => fetch(from).then((response) => response.text())), "first")
    }).pipe(Effect.scoped)
  )
})

describe("a server that starts again", () => {
  it.live("still knows what is whose, and what it answered to which request", () =>
    Effect.gen(function* () {
      const { backend, layer } = yield* shared
      const stateDir = yield* temporaryFolder
      const started = <A, E>(use: (as: ReturnType<typeof callers>) => Effect.Effect<A, E>) =>
        Effect.scoped(Effect.flatMap(serve({ stateDir }, layer), ({ url }) => use(callers(url))))
      const request = { "x-request-id": "r-1" }
      const first = yield* started((as) => as.alice("/v1/devboxes", { name: "one" }, request))
      const again = yield* started((as) => as.alice("/v1/devboxes", { name: "one" }, request))
      assert.strictEqual(again.text, first.text)
      const other = yield* started((as) => as.bob("/v1/devboxes", { name: "one" }, request))
      assert.notStrictEqual(other.body.id, first.body.id)
      assert.strictEqual((yield* backend.list({})).items.length, 2)
      assert.strictEqual((yield* started((as) => as.alice(`/v1/devboxes/${first.body.id}`))).status, 200)
    }).pipe(Effect.scoped)
  )
  it.live("finds what the one before made and could not answer, and makes no second", () =>
    Effect.gen(function* () {
      const { backend } = yield* shared
      const stateDir = yield* temporaryFolder
      let lost = true
      // The devbox is made, and the answer is not: as after a kill between the two.
      const forgetful = Layer.succeed(DevboxBackend, {
        ...backend,
        create: (params) =>
          Effect.tap(backend.create(params), () => (lost ? Effect.die(new Error("killed here")) : Effect.void))
      })
      const started = <A, E>(use: (as: ReturnType<typeof callers>) => Effect.Effect<A, E>) =>
        Effect.scoped(Effect.flatMap(serve({ stateDir }, forgetful), ({ url }) => use(callers(url))))
      const request = { "x-request-id": "r-1" }
      const died = yield* started((as) => as.alice("/v1/devboxes", { name: "one" }, request))
      assert.strictEqual(died.status, 500)
      lost = false
      const answered = yield* started((as) => as.alice("/v1/devboxes", { name: "one" }, request))
      assert.strictEqual(answered.status, 200)
      assert.strictEqual((yield* backend.list({})).items.length, 1)
      // Without a second attempt, a start finds whose it is.
      lost = true
      yield* started((as) => as.bob("/v1/devboxes", { name: "two" }))
      lost = false
      const list = yield* started((as) => as.bob("/v1/devboxes"))
      assert.strictEqual((list.body["devboxes"] as ReadonlyArray<Body>)[0]?.["name"], "two")
    }).pipe(Effect.scoped)
  )
  it.live("has devboxes to keep, or has shut them down, as it was told", () =>
    Effect.gen(function* () {
      const { backend, layer } = yield* shared
      for (const [onExit, status] of [
        ["keep", "running"],
        ["shutdown", "shutdown"]
      ] as const) {
        const { body } = yield* Effect.scoped(
          Effect.flatMap(serve({ onExit }, layer), ({ url }) => callers(url).alice("/v1/devboxes", {}))
        )
        assert.strictEqual((yield* backend.get(body.id as never)).status, status)
      }
    }).pipe(Effect.scoped)
  )
})
