/**
 * Exchanges as the official clients write them, from the wire reference and never from our own code: our server must answer each
 * as expected, and our client, asked for the same, must send the same request.
 */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend, type Shape } from "@effect-devbox/core/DevboxBackend"
import { CreateParams, DevboxId, SnapshotId } from "@effect-devbox/core/DevboxModel"
import { cursorStart, ExecutionId } from "@effect-devbox/core/Execution"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import { TunnelOptions } from "@effect-devbox/core/Network"
import { SnapshotParams } from "@effect-devbox/core/Snapshot"
import { Duration, Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { readdirSync, readFileSync } from "node:fs"
import { type Asked, canned, executionView, view } from "./canned.ts"
import { apiKey, layerInProcess } from "./support.ts"

interface Exchange {
  readonly title: string
  /** What our client is asked to do for the same request; absent where it would ask in another way. */
  readonly operation?: string
  readonly request: {
    readonly method: "GET" | "POST"
    readonly path: string
    readonly query?: Readonly<Record<string, string>>
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
  }
  readonly response: {
    readonly status: number
    readonly body?: unknown
    readonly contentType?: string
    readonly text?: string
    readonly events?: ReadonlyArray<unknown>
  }
}

const folder = new URL("./golden/", import.meta.url)
const files = readdirSync(folder).map((name) => ({
  name,
  exchanges: JSON.parse(readFileSync(new URL(name, folder), "utf8")) as ReadonlyArray<Exchange>
}))

/** Replaces `{devbox}` and the like. */
const filled = <A>(value: A, ids: Readonly<Record<string, string>>): A =>
  JSON.parse(
    JSON.stringify(value).replace(/\{(devbox|execution|snapshot)\}/g, (_, name: string) => ids[name] ?? `no-${name}`)
  ) as A

const kinds: Readonly<Record<string, (value: unknown) => boolean>> = {
  "<string>": (value) => typeof value === "string",
  "<int>": Number.isInteger,
  "<boolean>": (value) => typeof value === "boolean",
  "<array>": Array.isArray
}

/** Whether an answer has what is expected; more is allowed. */
const matches = (expected: unknown, actual: unknown, where: string): void => {
  if (typeof expected === "string" && kinds[expected] !== undefined) {
    return assert.isTrue(kinds[expected](actual), `${where}: ${JSON.stringify(actual)} is not ${expected}`)
  }
  if (Array.isArray(expected)) {
    assert.isArray(actual, where)
    assert.strictEqual((actual as Array<unknown>).length, expected.length, where)
    return expected.forEach((item, index) => matches(item, (actual as Array<unknown>)[index], `${where}[${index}]`))
  }
  if (typeof expected === "object" && expected !== null) {
    assert.isObject(actual, where)
    for (const [key, value] of Object.entries(expected)) {
      matches(value, (actual as Record<string, unknown>)[key], `${where}.${key}`)
    }
    return
  }
  assert.deepStrictEqual(actual, expected, where)
}

const events = (text: string): ReadonlyArray<unknown> =>
  text
    .split("\n\n")
    .filter((block) => block.startsWith("data:"))
    .map((block) => JSON.parse(block.slice("data:".length)) as unknown)

const lines = { match: "lines", stdout: "1\n2\n3\n4\n5\n" }

describe("our server answers what official clients ask", () => {
  for (const { exchanges, name } of files) {
    it.effect(`in ${name}`, () =>
      Effect.gen(function* () {
        const backend = yield* DevboxBackend
        const client = yield* HttpClient.HttpClient
        const devbox = (yield* backend.create(new CreateParams({}))).id
        const execution = ExecutionId.make("exec-golden")
        yield* backend.startExecution(devbox, { commandId: execution, command: "lines" })
        const ids: Record<string, string> = { devbox, execution }
        for (const exchange of exchanges) {
          const { request, response } = filled(exchange, ids)
          const asked = HttpClientRequest.make(request.method)(`http://localhost${request.path}`).pipe(
            HttpClientRequest.setUrlParams(request.query ?? {}),
            request.body === undefined
              ? (same) => same
              : HttpClientRequest.bodyUint8Array(
                  new TextEncoder().encode(request.body),
                  request.headers["content-type"]
                ),
            HttpClientRequest.setHeaders(request.headers),
            HttpClientRequest.bearerToken(Redacted.value(apiKey))
          )
          const fiber = yield* Effect.forkChild(
            Effect.flatMap(client.execute(asked), (answer) => Effect.map(answer.text, (text) => ({ answer, text }))),
            { startImmediately: true }
          )
          yield* TestClock.adjust("30 seconds")
          const { answer, text } = yield* Fiber.join(fiber)
          assert.strictEqual(answer.status, response.status, `${exchange.title}: ${text}`)
          assert.include(answer.headers["content-type"], response.contentType ?? "application/json", exchange.title)
          if (response.text !== undefined) assert.strictEqual(text, response.text, exchange.title)
          if (response.events !== undefined) assert.deepStrictEqual(events(text), response.events, exchange.title)
          if (response.body !== undefined) {
            const body = JSON.parse(text) as { readonly id?: string }
            matches(response.body, body, exchange.title)
            if (exchange.operation === "startSnapshot") ids["snapshot"] = body.id!
          }
        }
      }).pipe(Effect.provide(layerInProcess().pipe(Layer.provideMerge(memory({ commands: [lines] })))))
    )
  }
})

const devboxId = DevboxId.make("dbx_1")
const executionId = ExecutionId.make("exec_1")
const snapshotId = SnapshotId.make("snp_1")
const bytes = (text: string) => Stream.make(new TextEncoder().encode(text))

/** What our client is asked to do. */
const operations: Readonly<Record<string, (backend: Shape) => Effect.Effect<unknown, unknown>>> = {
  create: (backend) => backend.create(new CreateParams({ name: "x", tunnel: new TunnelOptions({ authMode: "open" }) })),
  createEmpty: (backend) => backend.create(new CreateParams({})),
  waitForStatus: (backend) =>
    backend.waitForStatus!(devboxId, ["running", "failure", "shutdown"], Duration.seconds(30)),
  get: (backend) => backend.get(devboxId),
  list: (backend) => backend.list({ limit: 1, status: "running" }),
  update: (backend) => backend.update(devboxId, { name: "", metadata: { a: "b" } }),
  keepAlive: (backend) => backend.keepAlive(devboxId),
  usage: (backend) => backend.usage(devboxId),
  logs: (backend) => backend.logs(devboxId, { shellName: "s" }),
  suspend: (backend) => backend.suspend(devboxId),
  resume: (backend) => backend.resume(devboxId),
  shutdown: (backend) => backend.shutdown(devboxId),
  shutdownForced: (backend) => backend.shutdown(devboxId, { force: true }),
  execute: (backend) =>
    backend.startExecution(devboxId, { commandId: ExecutionId.make("0192-again"), command: "lines" }),
  executeStdin: (backend) =>
    backend.startExecution(devboxId, { commandId: ExecutionId.make("0192-stdin"), command: "cat", attachStdin: true }),
  getExecution: (backend) => backend.getExecution(devboxId, executionId, { lastLines: 2 }),
  waitForExecution: (backend) => backend.waitForExecution!(devboxId, executionId, Duration.seconds(25)),
  stdout: (backend) => Stream.runCollect(backend.output(devboxId, executionId, "stdout", cursorStart)),
  kill: (backend) => backend.kill(devboxId, executionId, { group: true, signal: "SIGKILL" }),
  write: (backend) => backend.upload(devboxId, "~/a.json", bytes(`{"a":1}`), { text: true, size: 7 }),
  read: (backend) => Stream.runCollect(backend.download(devboxId, "~/a.json", { text: true })),
  upload: (backend) => backend.upload(devboxId, "~/x", bytes("some bytes"), { size: 10 }),
  download: (backend) => Stream.runCollect(backend.download(devboxId, "~/x")),
  enableTunnel: (backend) => backend.enableTunnel(devboxId, new TunnelOptions({ authMode: "authenticated" })),
  removeTunnel: (backend) => backend.removeTunnel(devboxId),
  startSnapshot: (backend) =>
    backend.startSnapshot(devboxId, new SnapshotParams({ name: "n", metadata: { env: "prod" }, commitMessage: "m" })),
  getSnapshot: (backend) => backend.getSnapshot(snapshotId),
  listSnapshots: (backend) => backend.listSnapshots({ limit: 1, devboxId }),
  updateSnapshot: (backend) => backend.updateSnapshot(snapshotId, new SnapshotParams({ name: "other" })),
  deleteSnapshot: (backend) => backend.deleteSnapshot(snapshotId)
}

/** Where our requests may differ, and why. */
const differences = {
  query: { include_total_count: "counting is work for the server, and nobody asks for the count" }
} as const

const normalized = (asked: Pick<Asked, "body" | "headers">): unknown => {
  const boundary = /boundary=(\S+)/.exec(asked.headers["content-type"] ?? "")?.[1]
  if (boundary !== undefined) return asked.body.replaceAll(boundary, "<boundary>")
  return asked.body === "" ? "" : (JSON.parse(asked.body) as unknown)
}

describe("our client sends what official clients send", () => {
  const wanted = files.flatMap(({ exchanges }) => exchanges.filter(({ operation }) => operation !== undefined))
  it("for every operation that is listed here", () => {
    assert.sameMembers(
      wanted.map(({ operation }) => operation!),
      Object.keys(operations)
    )
  })
  it.effect.each(wanted.map((exchange) => [exchange.operation!, exchange] as const))(
    "to %s",
    ([operation, exchange]) => {
      const { request } = filled(exchange, { devbox: devboxId, execution: executionId, snapshot: snapshotId })
      const { asked, layer } = canned(({ path }) =>
        path.includes("stream_")
          ? { headers: { "content-type": "text/event-stream" }, body: "" }
          : { body: { ...view(), ...executionView() } }
      )
      return Effect.gen(function* () {
        yield* Effect.ignore(operations[operation]!(yield* DevboxBackend))
        const [first] = asked
        if (first === undefined) return assert.fail("nothing was sent")
        assert.strictEqual(`${first.method} ${first.path}`, `${request.method} ${request.path}`)
        const query = Object.fromEntries(Object.entries(first.query).filter(([name]) => !(name in differences.query)))
        assert.deepStrictEqual(query, request.query ?? {})
        assert.deepStrictEqual(normalized(first), normalized({ body: "", ...request }))
        assert.strictEqual(first.headers["accept"], request.headers["accept"])
        assert.strictEqual(
          (first.headers["content-type"] ?? "").split(";")[0],
          (request.headers["content-type"] ?? "").split(";")[0]
        )
        assert.strictEqual(first.headers["authorization"], "Bearer a-secret-key")
        assert.strictEqual("x-request-id" in first.headers, request.method === "POST")
      }).pipe(Effect.provide(layer))
    }
  )
})
