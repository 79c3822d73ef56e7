/**
 * The checklist and the traps of the wire's description, a test for each line that says something of a server, against a real one.
 * The numbers are the lines'. Lines that are about clients alone (how long they wait, what they overwrite) have none: 16.1 to 16.3,
 * 16.6 to 16.8, 16.10, 16.15, 16.27, 16.32, 16.36, 16.41. What takes a stock client, TLS or a
 * server that stops (16.20) is in `official` and `port.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import { Effect, Redacted } from "effect"
import { type Ask, ask1, ask2, keys, serve } from "./support.ts"

type Json = Readonly<Record<string, unknown>>

/** A server with a devbox, and how it is asked. */
const served = Effect.gen(function* () {
  const { url } = yield* serve({}, memory())
  const key = Redacted.value(keys.alice)
  const ask = (path: string, asked: Partial<Ask> = {}) =>
    Effect.map(
      Effect.promise(() => ask1(url, { path, key, ...asked })),
      (answer) => ({
        ...answer,
        get json() {
          return JSON.parse(answer.body) as Json
        }
      })
    )
  const post = (path: string, body: unknown = {}, headers: Readonly<Record<string, string>> = {}) =>
    ask(path, { body: typeof body === "string" ? body : JSON.stringify(body), headers })
  const id = String((yield* post("/v1/devboxes")).json["id"])
  const box = `/v1/devboxes/${id}`
  /** A command that has ended; the path of its execution. */
  const ran = (command: string) =>
    Effect.map(
      post(`${box}/execute`, { command, command_id: `c-${command.length}-${command.at(-1)}` }),
      ({ json }) => `${box}/executions/${String(json["execution_id"])}`
    )
  return { url, key, ask, post, id, box, ran }
}).pipe(Effect.orDie)

type Served = Effect.Success<typeof served>

const line = (title: string, body: (served: Served) => Effect.Effect<void>) =>
  it.live(title, () => Effect.scoped(Effect.flatMap(served, body)))

/** A command that prints the numbers up to one, each on a line of its own. */
const count = (to: number) => `printf '${Array.from({ length: to }, (_, n) => `${n + 1}\\n`).join("")}'`

/** The data of a stream's events, by name. */
const eventsOf = (body: string): ReadonlyArray<{ readonly name: string; readonly data: Json }> =>
  body.split("\n\n").flatMap((block) => {
    const lines = block.split("\n").filter((text) => text !== "" && !text.startsWith(":"))
    if (lines.length === 0) return []
    const name =
      lines
        .find((text) => text.startsWith("event:"))
        ?.slice(6)
        .trim() ?? "message"
    const data = lines.filter((text) => text.startsWith("data:")).map((text) => text.slice(5).trim())
    return [{ name, data: JSON.parse(data.join("\n")) as Json }]
  })

const textOf = (body: string): string =>
  eventsOf(body)
    .map(({ data }) => String(data["output"]))
    .join("")

describe("the checklist", () => {
  line("15.1 words of the interface are matched before ids", ({ ask, post }) =>
    Effect.gen(function* () {
      for (const [path, field] of [
        ["/v1/devboxes/disk_snapshots", "snapshots"],
        ["/v1/objects", "objects"]
      ] as const) {
        assert.isArray((yield* ask(path)).json[field], path)
      }
      const made = yield* post("/v1/devboxes/create_and_await_running", {})
      assert.strictEqual(made.json["status"], "running")
      for (const path of ["/v1/blueprints/list_public", "/v1/objects/list_public"]) {
        assert.notStrictEqual((yield* ask(path)).status, 404, path)
      }
      assert.notStrictEqual((yield* post("/v1/blueprints/preview", { name: "b" })).status, 404)
    })
  )
  line("15.2 a path is decoded once", ({ ask, id }) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask(`/v1/devboxes/${id.replace("_", "%5F")}`)).json["id"], id)
      assert.strictEqual((yield* ask(`/v1/devboxes/${id.replace("_", "%255F")}`)).status, 404)
    })
  )
  line("15.3 an empty body that is labelled JSON, {}, unknown keys and null are all accepted", ({ ask, box, post }) =>
    Effect.gen(function* () {
      for (const body of ["", "{}", '{"nobody":{"knows":1}}', '{"name":null,"metadata":null}']) {
        assert.strictEqual((yield* post("/v1/devboxes", body)).status, 200, body)
        assert.strictEqual((yield* post(`${box}/keep_alive`, body)).status, 200, body)
        assert.strictEqual((yield* post(box, body)).status, 200, body)
      }
      assert.strictEqual((yield* ask(`${box}/keep_alive`, { method: "POST" })).status, 200)
    })
  )
  line("15.4 a success that says nothing is {} as JSON, never 204", ({ box, post }) =>
    Effect.gen(function* () {
      const written = yield* post(`${box}/write_file_contents`, { file_path: "/tmp/x", contents: "x" })
      for (const answer of [written, yield* post(`${box}/keep_alive`), yield* post(`${box}/remove_tunnel`)]) {
        assert.strictEqual(answer.status, 200)
        assert.match(String(answer.headers["content-type"]), /^application\/json/)
        assert.isObject(answer.json)
      }
    })
  )
  line("15.5 every page says whether there is more, and signed addresses are absolute", ({ ask, post, url }) =>
    Effect.gen(function* () {
      for (const path of [
        "/v1/devboxes",
        "/v1/devboxes?limit=1",
        "/v1/devboxes/disk_snapshots",
        "/v1/objects",
        "/v1/secrets",
        "/v1/network-policies"
      ]) {
        assert.isBoolean((yield* ask(path)).json["has_more"], path)
      }
      const object = yield* post("/v1/objects", { name: "o", content_type: "text" })
      assert.isTrue(String(object.json["upload_url"]).startsWith(`${url}/`))
    })
  )
  line("15.6 a hold that is over is 408, and its seconds may be fractions", ({ box, post }) =>
    Effect.gen(function* () {
      for (const timeout_seconds of [0, 0.05, 0.123456789]) {
        const answer = yield* post(`${box}/wait_for_status`, { statuses: ["suspended"], timeout_seconds })
        assert.strictEqual(answer.status, 408)
      }
    })
  )
  line("15.7 what is refused for good says so, and what may be tried again says that", ({ box, post }) =>
    Effect.gen(function* () {
      const refused = yield* post("/v1/devboxes", { snapshot_id: "snp_absent" })
      assert.strictEqual(refused.headers["x-should-retry"], "false")
      const over = yield* post(`${box}/wait_for_status`, { statuses: ["suspended"], timeout_seconds: 0 })
      assert.strictEqual(over.headers["x-should-retry"], "true")
    })
  )
  line("15.8 a request is carried out once by its id, and a command by its own", ({ ask, box, post }) =>
    Effect.gen(function* () {
      const once = { "x-request-id": "stainless-node-retry-1" }
      const one = yield* post("/v1/devboxes", {}, once)
      assert.strictEqual((yield* post("/v1/devboxes", {}, once)).json["id"], one.json["id"])
      const command = { command: "echo x >> /tmp/count", command_id: "c-1" }
      yield* post(`${box}/execute`, command)
      yield* post(`${box}/execute`, command)
      const read = yield* ask(`${box}/read_file_contents`, { body: '{"file_path":"/tmp/count"}' })
      assert.strictEqual(read.body, "x\n")
    })
  )
  line("15.9 a stream is JSON and comments, ends whole and clean, from an offset, whatever is accepted", (on) =>
    Effect.gen(function* () {
      const run = yield* on.ran("echo one; echo two")
      for (const accept of ["text/event-stream", "application/json", "*/*"]) {
        const all = yield* on.ask(`${run}/stream_stdout_updates`, { headers: { accept } })
        assert.match(String(all.headers["content-type"]), /^text\/event-stream/)
        assert.isTrue(all.body.endsWith("\n\n"))
        assert.strictEqual(textOf(all.body), "one\ntwo\n")
        assert.isTrue(all.body.startsWith(":"))
      }
      assert.strictEqual(textOf((yield* on.ask(`${run}/stream_stdout_updates?offset=4`)).body), "two\n")
      assert.strictEqual(textOf((yield* on.ask(`${run}/stream_stdout_updates?offset=8`)).body), "")
    })
  )
  line("15.10 the plain port speaks HTTP/2 with prior knowledge and HTTP/1.1", ({ ask, box, key, url }) =>
    Effect.gen(function* () {
      const [two] = yield* Effect.promise(() => ask2(url, { path: box, key }))
      assert.strictEqual(two?.status, 200)
      assert.strictEqual((yield* ask(box)).status, 200)
    })
  )
  line("15.11 nothing is compressed for those who did not ask", ({ ask, box }) =>
    Effect.gen(function* () {
      assert.isUndefined((yield* ask(box)).headers["content-encoding"])
    })
  )
})

describe("the traps", () => {
  line("16.4 no status that was not waited for is ever a 200", ({ box, post }) =>
    Effect.gen(function* () {
      yield* post(`${box}/suspend`)
      const { json, status } = yield* post(`${box}/wait_for_status`, { statuses: ["running"], timeout_seconds: 0.3 })
      assert.strictEqual(status, 408, JSON.stringify(json))
    })
  )
  line("16.5 a wait without seconds, and one with 30.0, are both held", ({ box, post }) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* post(`${box}/wait_for_status`, { statuses: ["running"] })).status, 200)
      const text = '{"statuses":["running"],"timeout_seconds":30.0}'
      assert.strictEqual((yield* post(`${box}/wait_for_status`, text)).status, 200)
    })
  )
  line("16.9 a snapshot that was deleted is not one that is still made", ({ ask, box, post }) =>
    Effect.gen(function* () {
      const id = String((yield* post(`${box}/snapshot_disk`, {})).json["id"])
      yield* post(`/v1/devboxes/disk_snapshots/${id}/delete`)
      const { body, status } = yield* ask(`/v1/devboxes/disk_snapshots/${id}/status`)
      assert.isTrue(status === 404 || (JSON.parse(body) as Json)["status"] === "deleted", body)
    })
  )
  line("16.11 the execution is named by the command id that was sent, or by one that was made", ({ box, post }) =>
    Effect.gen(function* () {
      const sent = yield* post(`${box}/execute`, { command: "true", command_id: "0190-mine" })
      assert.strictEqual(sent.json["execution_id"], "0190-mine")
      assert.match(String((yield* post(`${box}/execute_async`, { command: "true" })).json["execution_id"]), /./)
    })
  )
  line("16.12 a command that takes longer than it is waited for is answered as running", ({ box, post }) =>
    Effect.gen(function* () {
      const body = { command: "sleep 100", command_id: "long", optimistic_timeout: 0 }
      assert.strictEqual((yield* post(`${box}/execute`, body)).json["status"], "running")
    })
  )
  line("16.13 last_n is of the query, and what is cut says so", ({ ask, box, post, ran }) =>
    Effect.gen(function* () {
      const cut = yield* post(`${box}/execute?last_n=2`, { command: count(5), command_id: "n" })
      assert.deepInclude(cut.json, { stdout: "4\n5\n", stdout_truncated: true, stderr_truncated: false })
      const long = yield* ran(count(300))
      const read = (yield* ask(long)).json
      assert.strictEqual(String(read["stdout"]).trim().split("\n").length, 100)
      assert.isTrue(read["stdout_truncated"])
      assert.strictEqual(
        textOf((yield* ask(`${long}/stream_stdout_updates`)).body)
          .trim()
          .split("\n").length,
        300
      )
    })
  )
  line("16.14 last_n and optimistic_timeout in the body of execute_async are no mistake", ({ box, post }) =>
    Effect.gen(function* () {
      const body = { command: "true", last_n: "5", optimistic_timeout: 3 }
      assert.strictEqual((yield* post(`${box}/execute_async`, body)).status, 200)
    })
  )
  line("16.16 the stream of a command ends when the command does", ({ ask, box, post }) =>
    Effect.gen(function* () {
      const started = yield* post(`${box}/execute_async`, { command: "sleep 0.2; echo late" })
      const run = `${box}/executions/${String(started.json["execution_id"])}`
      assert.strictEqual(textOf((yield* ask(`${run}/stream_stdout_updates`)).body), "late\n")
      assert.strictEqual(textOf((yield* ask(`${run}/stream_stderr_updates`)).body), "")
    })
  )
  line("16.17 an offset is the end of its chunk: going on from it repeats and loses nothing", ({ ask, ran }) =>
    Effect.gen(function* () {
      const run = yield* ran(`printf 'häß\\n'; ${count(50)}; sleep 0.05; echo more`)
      const whole = (yield* ask(`${run}/stream_stdout_updates`)).body
      const [first] = eventsOf(whole)
      const rest = yield* ask(`${run}/stream_stdout_updates?offset=${String(first?.data["offset"])}`)
      assert.strictEqual(String(first?.data["output"]) + textOf(rest.body), textOf(whole))
      assert.strictEqual(eventsOf(whole).at(-1)?.data["offset"], Buffer.byteLength(textOf(whole)))
    })
  )
  line("16.18 no stream has an id, a ping, a [DONE] or an event without data", ({ ask, ran }) =>
    Effect.gen(function* () {
      const { body } = yield* ask(`${yield* ran(count(3))}/stream_stdout_updates`)
      assert.notMatch(body, /^(id|retry):|\[DONE\]|ping|^data: *$/m)
      assert.strictEqual(textOf(body), "1\n2\n3\n")
      assert.isTrue(eventsOf(body).every(({ data }) => typeof data["output"] === "string"))
    })
  )
  line("16.19 a silent stream says at once, by a comment, that it is there", ({ box, key, post, url }) =>
    Effect.gen(function* () {
      const started = yield* post(`${box}/execute_async`, { command: "sleep 100" })
      const path = `${box}/executions/${String(started.json["execution_id"])}/stream_stdout_updates`
      const abort = new AbortController()
      const first = yield* Effect.promise(async () => {
        const { body } = await fetch(url + path, { headers: { authorization: `Bearer ${key}` }, signal: abort.signal })
        return (await body!.getReader().read()).value
      })
      abort.abort()
      assert.strictEqual(new TextDecoder().decode(first), ":\n\n")
    })
  )
  line("16.21 and 16.22 the watch for evictions streams whatever is accepted", ({ box, key, url }) =>
    Effect.gen(function* () {
      const abort = new AbortController()
      const answer = yield* Effect.promise(() =>
        fetch(`${url}${box.replace(/[^/]+$/, "evictions/watch")}`, {
          headers: { authorization: `Bearer ${key}`, accept: "application/json" },
          signal: abort.signal
        })
      )
      assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/)
      abort.abort()
    })
  )
  line("16.23 a file is read as text that is not JSON", ({ box, post }) =>
    Effect.gen(function* () {
      yield* post(`${box}/write_file_contents`, { file_path: "/tmp/j", contents: '{"a":1}' })
      const read = yield* post(`${box}/read_file_contents`, { file_path: "/tmp/j" })
      assert.match(String(read.headers["content-type"]), /^text\/plain/)
      assert.strictEqual(read.body, '{"a":1}')
    })
  )
  line(
    "16.24 texts have a file_path, downloads a path, and uploads the parts path and file",
    ({ box, key, post, url }) =>
      Effect.gen(function* () {
        const form = new FormData()
        form.append("path", "/tmp/up")
        form.append("file", new Blob(["sent"]), "n.bin")
        const sent = yield* Effect.promise(() =>
          fetch(`${url}${box}/upload_file`, { method: "POST", body: form, headers: { authorization: `Bearer ${key}` } })
        )
        assert.strictEqual(sent.status, 200)
        assert.strictEqual((yield* post(`${box}/download_file`, { path: "/tmp/up" })).body, "sent")
        assert.strictEqual((yield* post(`${box}/read_file_contents`, { path: "/tmp/up" })).status, 400)
        assert.strictEqual((yield* post(`${box}/download_file`, { file_path: "/tmp/up" })).status, 400)
      })
  )
  line("16.25 and 16.26 actions take an empty body, and answer with one that is not", ({ box, post }) =>
    Effect.gen(function* () {
      for (const action of ["keep_alive", "suspend", "resume", "create_ssh_key", "enable_tunnel", "shutdown"]) {
        const { body, status } = yield* post(`${box}/${action}`, "")
        if (action === "suspend") {
          yield* post(`${box}/wait_for_status`, { statuses: ["suspended"] })
        } else if (action === "resume") yield* post(`${box}/wait_for_status`, { statuses: ["running"] })
        assert.strictEqual(status, 200, `${action}: ${body}`)
        assert.isObject(JSON.parse(body), action)
      }
    })
  )
  line(
    "16.28 secrets go by name, rules are flat when asked and nested when told, states are upper case",
    ({ ask, post }) =>
      Effect.gen(function* () {
        yield* post("/v1/secrets", { name: "TOKEN", value: "v" })
        assert.strictEqual((yield* ask("/v1/secrets/TOKEN")).json["name"], "TOKEN")
        const policy = yield* post("/v1/network-policies", { name: "p", allowed_hostnames: ["a.example"] })
        assert.deepInclude(policy.json["egress"], { allowed_hostnames: ["a.example"] })
        assert.notProperty(policy.json, "allowed_hostnames")
        const object = yield* post("/v1/objects", { name: "o", content_type: "text" })
        assert.strictEqual(object.json["state"], "UPLOADING")
      })
  )
  line("16.29 many requests over one connection of HTTP/2 are all answered", ({ box, key, url }) =>
    Effect.gen(function* () {
      const answers = yield* Effect.promise(() => ask2(url, ...Array.from({ length: 50 }, () => ({ path: box, key }))))
      assert.isTrue(answers.every(({ status }) => status === 200))
    })
  )
  line("16.30 an id of a request is a new one for each round of a wait", ({ box, post }) =>
    Effect.gen(function* () {
      // One that was sent with a hold that is over is not stuck with its 408.
      const wait = { statuses: ["suspended"], timeout_seconds: 0 }
      const id = { "x-request-id": "round" }
      assert.strictEqual((yield* post(`${box}/wait_for_status`, wait, id)).status, 408)
      yield* post(`${box}/suspend`)
      yield* post(`${box}/wait_for_status`, { statuses: ["suspended"] })
      assert.strictEqual((yield* post(`${box}/wait_for_status`, wait, id)).status, 200)
    })
  )
  line("16.31 a conflict that stays one is not to be tried again", ({ box, post }) =>
    Effect.gen(function* () {
      yield* post(`${box}/suspend`)
      yield* post(`${box}/wait_for_status`, { statuses: ["suspended"] })
      const refused = yield* post(`${box}/execute`, { command: "true", command_id: "c" })
      assert.strictEqual(refused.status, 409)
      assert.strictEqual(refused.headers["x-should-retry"], "false")
    })
  )
  line("16.33 an id that is none leads nowhere, encoded or not", ({ ask }) =>
    Effect.gen(function* () {
      for (const id of ["..%2F..%2Fhealthz", "%2e%2e", "a%20b", "%00"]) {
        const { body, status } = yield* ask(`/v1/devboxes/${id}`)
        assert.isTrue(status === 404 || status === 400, `${id}: ${status} ${body}`)
        assert.isString((JSON.parse(body) as Json)["message"])
      }
    })
  )
  line("16.34 metadata is asked for by its literal name in brackets, encoded or not", ({ ask, box, post }) =>
    Effect.gen(function* () {
      const made = yield* post(`${box}/snapshot_disk`, { metadata: { env: "prod" } })
      for (const query of ["metadata%5Benv%5D=prod", "metadata[env]=prod"]) {
        const { json } = yield* ask(`/v1/devboxes/disk_snapshots?${query}&include_total_count=false&limit=2`)
        assert.deepStrictEqual(
          (json["snapshots"] as ReadonlyArray<Json>).map(({ id }) => id),
          [made.json["id"]]
        )
      }
      const { json } = yield* ask("/v1/devboxes/disk_snapshots?metadata[env]=test")
      assert.deepStrictEqual(json["snapshots"], [])
    })
  )
  line("16.35 the last page says that there is no more, in words", ({ ask, post }) =>
    Effect.gen(function* () {
      yield* post("/v1/devboxes")
      const first = (yield* ask("/v1/devboxes?limit=1")).json
      assert.isTrue(first["has_more"])
      const [{ id }] = first["devboxes"] as [Json]
      const second = (yield* ask(`/v1/devboxes?limit=1&starting_after=${String(id)}`)).json
      assert.isFalse(second["has_more"])
    })
  )
  line("16.37 and 16.39 a tunnel is a key and a mode, open or authenticated", ({ box, post }) =>
    Effect.gen(function* () {
      const open = (yield* post(`${box}/enable_tunnel`, { auth_mode: "open" })).json
      assert.match(String(open["tunnel_key"]), /./)
      assert.strictEqual(open["auth_mode"], "open")
      const closed = (yield* post(`${box}/enable_tunnel`, { auth_mode: "authenticated" })).json
      assert.match(String(closed["auth_token"]), /./)
      assert.strictEqual((yield* post(`${box}/enable_tunnel`, { auth_mode: "public" })).status, 400)
    })
  )
  line("16.38 a tunnel is removed with a port, with {} and with nothing", ({ box, post }) =>
    Effect.gen(function* () {
      for (const body of ['{"port":3000}', "{}", ""]) {
        yield* post(`${box}/create_tunnel`, { port: 3000 })
        assert.strictEqual((yield* post(`${box}/remove_tunnel`, body)).status, 200, body)
      }
    })
  )
  line("16.40 half a core is a size", ({ post }) =>
    Effect.gen(function* () {
      const body = { launch_parameters: { resource_size_request: "CUSTOM_SIZE", custom_cpu_cores: 0.5 } }
      const { json, status } = yield* post("/v1/devboxes", body)
      assert.strictEqual(status, 200, JSON.stringify(json))
      assert.deepInclude(json["launch_parameters"], { custom_cpu_cores: 0.5 })
    })
  )
  line("16.42 newer clients create and wait in one request", ({ post }) =>
    Effect.gen(function* () {
      const { json } = yield* post("/v1/devboxes/create_and_await_running", { name: "new" })
      assert.deepInclude(json, { name: "new", status: "running" })
    })
  )
})
