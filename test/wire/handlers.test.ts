/** The server's manners: what no exchange of the golden files shows, and what the traps of the wire demand. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import { TransportError } from "@effect-devbox/core/DevboxError"
import { DevboxId } from "@effect-devbox/core/DevboxModel"
import type * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { Control, layer as memory, layerControl } from "@effect-devbox/core/MemoryBackend"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { apiKey, layerInProcess } from "./support.ts"

interface Call {
  readonly body?: unknown
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly key?: string | undefined
}

const call = (method: "GET" | "POST", path: string, options: Call = {}) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const text = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
    const request = HttpClientRequest.make(method)(`http://localhost${path}`).pipe(
      text === undefined
        ? (same) => same
        : HttpClientRequest.bodyUint8Array(new TextEncoder().encode(text), "application/json"),
      HttpClientRequest.setHeaders({
        ...("key" in options
          ? options.key === undefined
            ? {}
            : { authorization: options.key }
          : { authorization: `Bearer ${Redacted.value(apiKey)}` }),
        ...options.headers
      })
    )
    const response = yield* client.execute(request)
    const body = yield* response.text
    return {
      status: response.status,
      headers: response.headers,
      text: body,
      json: body === "" ? undefined : tryJson(body)
    }
  })

const tryJson = (text: string): Record<string, unknown> | undefined => {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}

const create = (body: unknown = {}) =>
  Effect.map(call("POST", "/v1/devboxes", { body }), ({ json }) => String(json?.["id"]))

const server = (options: MemoryBackend.Options = {}) => layerInProcess().pipe(Layer.provideMerge(layerControl(options)))

const test = (
  title: string,
  body: Effect.Effect<void, unknown, HttpClient.HttpClient | DevboxBackend | Control>,
  options?: MemoryBackend.Options
) => it.effect(title, () => Effect.provide(body, server(options)))

describe("a key", () => {
  for (const [what, key] of [
    ["missing", undefined],
    ["wrong", "Bearer nonsense"],
    ["empty", "Bearer "],
    ["of another scheme", "Basic dGVzdDp0ZXN0"]
  ] as const) {
    test(
      `that is ${what} is refused before anything else is said`,
      Effect.gen(function* () {
        const id = yield* create()
        for (const path of [`/v1/devboxes/${id}`, "/v1/devboxes/dbx_nothing"]) {
          const { json, status } = yield* call("GET", path, { key })
          assert.strictEqual(status, 401)
          assert.strictEqual(json?.["code"], "unauthorized")
        }
        assert.strictEqual((yield* call("POST", `/v1/devboxes/${id}/execute`, { key, text: "{" })).status, 401)
      })
    )
  }
})

describe("a path", () => {
  test(
    "that is a word of the interface is not taken for an id",
    Effect.gen(function* () {
      yield* create()
      assert.isArray((yield* call("GET", "/v1/devboxes/disk_snapshots")).json?.["snapshots"])
      const made = yield* call("POST", "/v1/devboxes/create_and_await_running", { body: {} })
      assert.strictEqual(made.json?.["status"], "running")
    })
  )
  test(
    "is decoded once",
    Effect.gen(function* () {
      const { json, status } = yield* call("GET", "/v1/devboxes/a%2Fb%2520c")
      assert.strictEqual(status, 404)
      assert.deepStrictEqual(json?.["details"], { _tag: "ResourceNotFound", resource: "devbox", id: "a/b%20c" })
    })
  )
  test(
    "that does not exist is a JSON error",
    Effect.gen(function* () {
      for (const [method, path] of [
        ["GET", "/v2/x"],
        ["POST", "/v1/devboxes/x/y/z"]
      ] as const) {
        const { json, status } = yield* call(method, path)
        assert.strictEqual(status, 404)
        assert.isString(json?.["message"])
      }
    })
  )
})

describe("a request", () => {
  for (const [what, text] of [
    ["an empty body", ""],
    ["an empty object", "{}"],
    ["null", "null"],
    ["nothing but nulls", `{"name":null,"metadata":null,"tunnel":null,"mounts":null,"launch_parameters":null}`],
    ["unknown keys", `{"surprise":{"a":[1]},"name":"n"}`]
  ] as const) {
    test(
      `with ${what} creates a devbox`,
      Effect.gen(function* () {
        const { json, status } = yield* call("POST", "/v1/devboxes", { text })
        assert.strictEqual(status, 200)
        assert.isString(json?.["id"])
      })
    )
  }
  test(
    "with half a CPU core is accepted",
    Effect.gen(function* () {
      const launch = { resource_size_request: "CUSTOM_SIZE", custom_cpu_cores: 0.5 }
      const { json } = yield* call("POST", "/v1/devboxes", { body: { launch_parameters: launch } })
      assert.deepStrictEqual(json?.["launch_parameters"], launch)
    })
  )
  test(
    "with the older forms of mounts is accepted",
    Effect.gen(function* () {
      const body = {
        code_mounts: [{ repo_name: "r", repo_owner: "o", token: null }],
        file_mounts: { "/home/user/a.txt": "mounted" }
      }
      const { json, status } = yield* call("POST", "/v1/devboxes", { body })
      // A backend without repositories refuses them; what matters is that they arrive.
      if (status !== 200) return assert.match(String(json?.["message"]), /mount|repo/i)
      const read = yield* call("POST", `/v1/devboxes/${String(json?.["id"])}/read_file_contents`, {
        body: { file_path: "/home/user/a.txt" }
      })
      assert.strictEqual(read.text, "mounted")
    })
  )
  for (const [what, text] of [
    ["broken JSON", "{"],
    ["a number for a name", `{"name":1}`],
    ["a list for an object", "[]"]
  ] as const) {
    test(
      `with ${what} is refused with a reason`,
      Effect.gen(function* () {
        const { headers, json, status } = yield* call("POST", "/v1/devboxes", { text })
        assert.strictEqual(status, 400)
        assert.strictEqual(headers["x-should-retry"], "false")
        assert.include(String(json?.["message"]), "body")
      })
    )
  }
  test(
    "with a query that is no number is refused, and with an empty one is not",
    Effect.gen(function* () {
      assert.strictEqual((yield* call("GET", "/v1/devboxes?limit=x")).status, 400)
      assert.strictEqual((yield* call("GET", "/v1/devboxes?limit=&starting_after=&status=")).status, 200)
    })
  )
})

describe("a list", () => {
  test(
    "always says whether there is more",
    Effect.gen(function* () {
      const ids = [yield* create(), yield* create(), yield* create()]
      const first = yield* call("GET", "/v1/devboxes?limit=2")
      assert.strictEqual(first.json?.["has_more"], true)
      const seen = (first.json?.["devboxes"] as ReadonlyArray<{ id: string }>).map(({ id }) => id)
      const rest = yield* call("GET", `/v1/devboxes?limit=2&starting_after=${seen[1]}`)
      assert.strictEqual(rest.json?.["has_more"], false)
      const more = (rest.json?.["devboxes"] as ReadonlyArray<{ id: string }>).map(({ id }) => id)
      assert.sameMembers([...seen, ...more], ids)
    })
  )
  test(
    "of a status that nothing can have is empty",
    Effect.gen(function* () {
      yield* create()
      assert.deepStrictEqual((yield* call("GET", "/v1/devboxes?status=dancing")).json, {
        devboxes: [],
        has_more: false
      })
    })
  )
  test(
    "by metadata gives what fits, page by page",
    Effect.gen(function* () {
      for (let number = 0; number < 6; number++)
        yield* create({ metadata: { parity: number % 2 === 0 ? "even" : "odd" } })
      const path = "/v1/devboxes?metadata%5Bparity%5D=odd&limit=2"
      const first = (yield* call("GET", path)).json as { devboxes: ReadonlyArray<{ id: string }>; has_more: boolean }
      assert.strictEqual(first.devboxes.length, 2)
      assert.isTrue(first.has_more)
      const rest = (yield* call("GET", `${path}&starting_after=${first.devboxes[1]!.id}`)).json
      assert.strictEqual((rest?.["devboxes"] as ReadonlyArray<unknown>).length, 1)
      assert.strictEqual(rest?.["has_more"], false)
    })
  )
})

describe("a hold", () => {
  for (const holds of [true, false]) {
    test(
      `on a backend that can${holds ? "" : "not"} hold is answered when the status comes`,
      Effect.gen(function* () {
        const id = yield* create()
        const body = { statuses: ["suspended"], timeout_seconds: 30 }
        const waiting = yield* Effect.forkChild(call("POST", `/v1/devboxes/${id}/wait_for_status`, { body }), {
          startImmediately: true
        })
        yield* TestClock.adjust("3 seconds")
        yield* call("POST", `/v1/devboxes/${id}/suspend`)
        yield* TestClock.adjust("1 second")
        const { json, status } = yield* Fiber.join(waiting)
        assert.strictEqual(status, 200)
        assert.strictEqual(json?.["status"], "suspended")
      }),
      { holds }
    )
    test(
      `on a backend that can${holds ? "" : "not"} hold ends with 408, never later than promised`,
      Effect.gen(function* () {
        const id = yield* create()
        for (const [timeout, seconds] of [
          [undefined, 30],
          [null, 30],
          [1000, 30],
          [0.25, 0.25],
          [0, 0],
          [-5, 0]
        ] as const) {
          const body = {
            statuses: ["suspended", "made-up"],
            ...(timeout === undefined ? {} : { timeout_seconds: timeout })
          }
          const waiting = yield* Effect.forkChild(call("POST", `/v1/devboxes/${id}/wait_for_status`, { body }), {
            startImmediately: true
          })
          if (seconds > 0) {
            yield* TestClock.adjust(seconds * 1000 - 1)
            assert.isUndefined(waiting.pollUnsafe())
          }
          yield* TestClock.adjust(1)
          const { headers, status } = yield* Fiber.join(waiting)
          assert.strictEqual(status, 408)
          assert.strictEqual(headers["x-should-retry"], "true")
        }
      }),
      { holds }
    )
  }
  test(
    "of something that does not exist is refused at once",
    Effect.gen(function* () {
      const { status } = yield* call("POST", "/v1/devboxes/dbx_nothing/wait_for_status", {
        body: { statuses: ["running"] }
      })
      assert.strictEqual(status, 404)
    })
  )
  test(
    "at the start of a command lasts no longer than asked for, and the command runs on",
    Effect.gen(function* () {
      const id = yield* create()
      const body = { command: "sleep 10", command_id: "c1", optimistic_timeout: 4 }
      const waiting = yield* Effect.forkChild(call("POST", `/v1/devboxes/${id}/execute`, { body }), {
        startImmediately: true
      })
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* Fiber.join(waiting)).json?.["status"], "running")
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* call("GET", `/v1/devboxes/${id}/executions/c1`)).json?.["status"], "completed")
    })
  )
  test(
    "at the creation answers what is then, although nothing runs yet",
    Effect.gen(function* () {
      const control = yield* Control
      yield* control.hold("provisioning")
      const waiting = yield* Effect.forkChild(call("POST", "/v1/devboxes/create_and_await_running", { body: {} }), {
        startImmediately: true
      })
      yield* TestClock.adjust("25 seconds")
      const { json, status } = yield* Fiber.join(waiting)
      assert.strictEqual(status, 200)
      assert.strictEqual(json?.["status"], "provisioning")
    })
  )
})

describe("a request that arrives twice", () => {
  test(
    "is carried out once",
    Effect.gen(function* () {
      const again = { body: { name: "x" }, headers: { "x-request-id": "one-call" } }
      const first = yield* call("POST", "/v1/devboxes", again)
      const second = yield* call("POST", "/v1/devboxes", again)
      assert.strictEqual(second.json?.["id"], first.json?.["id"])
      assert.strictEqual(second.headers["content-type"], first.headers["content-type"])
      assert.strictEqual(((yield* call("GET", "/v1/devboxes")).json?.["devboxes"] as ReadonlyArray<unknown>).length, 1)
    })
  )
  test(
    "while the first is not answered waits for its answer",
    Effect.gen(function* () {
      const again = { body: {}, headers: { "x-request-id": "one-call" } }
      const control = yield* Control
      yield* control.hold("provisioning")
      const path = "/v1/devboxes/create_and_await_running"
      const first = yield* Effect.forkChild(call("POST", path, again), { startImmediately: true })
      const second = yield* Effect.forkChild(call("POST", path, again), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* control.release("provisioning")
      yield* TestClock.adjust("1 second")
      const ids = [(yield* Fiber.join(first)).json?.["id"], (yield* Fiber.join(second)).json?.["id"]]
      assert.strictEqual(ids[0], ids[1])
      assert.strictEqual(((yield* call("GET", "/v1/devboxes")).json?.["devboxes"] as ReadonlyArray<unknown>).length, 1)
    })
  )
  test(
    "after the client hung up finds what the first one did",
    Effect.gen(function* () {
      const again = { body: {}, headers: { "x-request-id": "one-call" } }
      const control = yield* Control
      yield* control.hold("provisioning")
      const path = "/v1/devboxes/create_and_await_running"
      const first = yield* Effect.forkChild(call("POST", path, again), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(first)
      yield* control.release("provisioning")
      yield* TestClock.adjust("1 second")
      const { json } = yield* call("POST", path, again)
      assert.strictEqual(json?.["status"], "running")
      assert.strictEqual(((yield* call("GET", "/v1/devboxes")).json?.["devboxes"] as ReadonlyArray<unknown>).length, 1)
    })
  )
  test(
    "after a refusal is tried again",
    Effect.gen(function* () {
      const id = yield* create()
      const headers = { "x-request-id": "one-call" }
      yield* call("POST", `/v1/devboxes/${id}/suspend`)
      const body = { command: "true", command_id: "c1" }
      assert.strictEqual((yield* call("POST", `/v1/devboxes/${id}/execute`, { body, headers })).status, 409)
      yield* call("POST", `/v1/devboxes/${id}/resume`)
      assert.strictEqual((yield* call("POST", `/v1/devboxes/${id}/execute`, { body, headers })).status, 200)
    })
  )
  test(
    "at another path is another one",
    Effect.gen(function* () {
      const headers = { "x-request-id": "one-call" }
      const id = yield* create()
      yield* call("POST", `/v1/devboxes/${id}/keep_alive`, { headers })
      assert.strictEqual((yield* call("POST", `/v1/devboxes/${id}/shutdown`, { headers })).json?.["status"], "shutdown")
    })
  )
})

describe("an error", () => {
  test(
    "of a shutdown during a snapshot is a 409 that is not worth repeating, unless forced",
    Effect.gen(function* () {
      const control = yield* Control
      const id = yield* create()
      yield* control.hold("snapshot")
      yield* call("POST", `/v1/devboxes/${id}/snapshot_disk_async`)
      const { headers, json, status } = yield* call("POST", `/v1/devboxes/${id}/shutdown`)
      assert.strictEqual(status, 409)
      assert.strictEqual(headers["x-should-retry"], "false")
      assert.strictEqual(json?.["code"], "conflict")
      assert.strictEqual((yield* call("POST", `/v1/devboxes/${id}/shutdown?force=true`)).status, 200)
    })
  )
  test(
    "in a stream is an event of the name error with the status as a numeral",
    Effect.gen(function* () {
      const control = yield* Control
      const id = yield* create()
      yield* call("POST", `/v1/devboxes/${id}/execute`, { body: { command: "echo a", command_id: "c1" } })
      assert.strictEqual(
        (yield* call("GET", `/v1/devboxes/${id}/executions/nothing/stream_stdout_updates`)).status,
        404
      )
      yield* control.failNext("output", new TransportError({ detail: "lost" }), { shouldRetry: false })
      const { status, text } = yield* call("GET", `/v1/devboxes/${id}/executions/c1/stream_stdout_updates`)
      assert.strictEqual(status, 200)
      const [block] = text.split("\n\n").filter((part) => part.startsWith("event:"))
      const [name, data] = (block ?? "").split("\n")
      assert.strictEqual(name, "event: error")
      const said = JSON.parse((data ?? "").slice(5)) as { code: string; message: string }
      assert.match(said.code, /^5\d\d$/)
      assert.isString(said.message)
    })
  )
})

describe("a stream", () => {
  test(
    "has a comment at once and then every fifteen seconds, and no other event names",
    Effect.gen(function* () {
      const id = yield* create()
      yield* call("POST", `/v1/devboxes/${id}/execute`, {
        body: { command: "sleep 40", command_id: "c1", optimistic_timeout: 0 }
      })
      const stream = yield* Effect.forkChild(call("GET", `/v1/devboxes/${id}/executions/c1/stream_stdout_updates`), {
        startImmediately: true
      })
      yield* TestClock.adjust("41 seconds")
      const { text } = yield* Fiber.join(stream)
      assert.strictEqual(text, ":\n\n:\n\n:\n\n")
    })
  )
  test(
    "of text is cut between characters, with the byte position after each piece",
    Effect.gen(function* () {
      const id = yield* create()
      yield* call("POST", `/v1/devboxes/${id}/execute`, { body: { command: "halves", command_id: "c1" } })
      const { text } = yield* call("GET", `/v1/devboxes/${id}/executions/c1/stream_stdout_updates`)
      const data = text
        .split("\n\n")
        .filter((block) => block.startsWith("data:"))
        .map((block) => JSON.parse(block.slice(5)) as unknown)
      assert.deepStrictEqual(data, [
        { output: "a", offset: 1 },
        { output: "é😀", offset: 7 },
        { output: "\uFFFD", offset: 8 }
      ])
    }),
    {
      commands: [
        {
          match: "halves",
          output: [
            { data: new Uint8Array([0x61, 0xc3]) },
            { data: new Uint8Array([0xa9, 0xf0, 0x9f, 0x98, 0x80]) },
            { data: new Uint8Array([0xff]) }
          ]
        }
      ]
    }
  )
})

describe("a file", () => {
  test(
    "that is not text is read as the bytes that are there",
    Effect.gen(function* () {
      const id = yield* create()
      const backend = yield* DevboxBackend
      yield* backend.upload(DevboxId.make(id), "x", Stream.make(new Uint8Array([0xff, 0xfe])))
      const { headers, status } = yield* call("POST", `/v1/devboxes/${id}/read_file_contents`, {
        body: { file_path: "x" }
      })
      assert.strictEqual(status, 200)
      assert.include(headers["content-type"], "text/plain")
    })
  )
  test(
    "that is empty is answered, not refused",
    Effect.gen(function* () {
      const id = yield* create()
      yield* call("POST", `/v1/devboxes/${id}/write_file_contents`, { body: { file_path: "x", contents: "" } })
      const { status, text } = yield* call("POST", `/v1/devboxes/${id}/download_file`, { body: { path: "x" } })
      assert.strictEqual(status, 200)
      assert.strictEqual(text, "")
    })
  )
})

it.effect("the OpenAPI document describes every path", () =>
  Effect.gen(function* () {
    const { json, status } = yield* call("GET", "/openapi.json")
    assert.strictEqual(status, 200)
    assert.isAbove(Object.keys(json?.["paths"] as object).length, 35)
  }).pipe(Effect.provide(layerInProcess().pipe(Layer.provide(memory()))))
)
