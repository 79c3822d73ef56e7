/** One port: both protocols, with TLS and without, limits that are kept with a word about it, and an end without losses. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import * as net from "node:net"
import { join } from "node:path"
import { openFolder } from "../../../packages/node/src/internal/server/folder.ts"
import { listKeys, revokeKey } from "../../../packages/node/src/internal/server/keys.ts"
import { ask1, ask2, keys, raw, serve, temporaryFolder } from "./support.ts"

const key = Redacted.value(keys.alice)
const create = { path: "/v1/devboxes", key, body: "" }
const idOf = ({ body }: { readonly body: string }) => (JSON.parse(body) as { readonly id: string }).id

/** A certificate for 127.0.0.1, made by OpenSSL. */
const certificate = (folder: string) => {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")]
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      key,
      "-out",
      cert,
      "-days",
      "1",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=IP:127.0.0.1,DNS:localhost"
    ],
    { stdio: "ignore" }
  )
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") }
}

describe("one port", () => {
  it.live("speaks HTTP/1.1 and HTTP/2 with prior knowledge", () =>
    Effect.gen(function* () {
      const { url } = yield* serve()
      const first = yield* Effect.promise(() => ask1(url, create))
      const [second, list] = yield* Effect.promise(() => ask2(url, create, { path: "/v1/devboxes", key }))
      assert.strictEqual(first.status, 200)
      assert.strictEqual(second?.status, 200)
      assert.include(list?.body, idOf(first))
    }).pipe(Effect.scoped)
  )
  it.live("is not fooled by a method that begins like the preface, nor by one that comes in pieces", () =>
    Effect.gen(function* () {
      const { port } = yield* serve()
      const odd = yield* Effect.promise(() =>
        raw(port, (socket) => socket.end("PROPFIND / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
      )
      assert.match(odd, /^HTTP\/1\.1 404 /)
      const pieces = yield* Effect.promise(() =>
        raw(port, (socket) => {
          socket.write("G")
          setImmediate(() => socket.write("ET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
        })
      )
      assert.match(pieces, /^HTTP\/1\.1 200 /)
    }).pipe(Effect.scoped)
  )
  it.live("speaks both over TLS, as ALPN says", () =>
    Effect.gen(function* () {
      const pair = certificate(yield* temporaryFolder)
      const { url } = yield* serve({ certificate: pair })
      assert.match(url, /^https:/)
      const ask = { ...create, ca: pair.cert }
      assert.strictEqual((yield* Effect.promise(() => ask1(url, ask))).status, 200)
      assert.strictEqual((yield* Effect.promise(() => ask2(url, ask)))[0]?.status, 200)
    }).pipe(Effect.scoped)
  )
  it.live("says nothing without a key, and makes one that only its owner can read, until it is revoked", () =>
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const first = yield* Effect.scoped(
        Effect.gen(function* () {
          const { keyFile = "", newKey, url } = yield* serve({ auth: undefined, stateDir })
          assert.strictEqual(statSync(keyFile).mode & 0o777, 0o600)
          const made = newKey === undefined ? "" : Redacted.value(newKey)
          assert.strictEqual(readFileSync(keyFile, "utf8").trim(), made)
          for (const wrong of [undefined, "", "x", `${made}x`, made.slice(1)]) {
            const refused = yield* Effect.promise(() => ask1(url, { path: "/v1/devboxes", key: wrong }))
            assert.strictEqual(refused.status, 401)
          }
          assert.strictEqual((yield* Effect.promise(() => ask1(url, { path: "/v1/devboxes", key: made }))).status, 200)
          return made
        })
      )
      const status = (url: string) =>
        Effect.map(
          Effect.promise(() => ask1(url, { path: "/v1/devboxes", key: first })),
          (answer) => answer.status
        )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const again = yield* serve({ auth: undefined, stateDir })
          assert.isUndefined(again.newKey)
          assert.isDefined(again.keyFile)
          assert.strictEqual(yield* status(again.url), 200)
        })
      )
      const { db } = openFolder(stateDir)
      for (const { id } of listKeys(db)) revokeKey(db, id)
      db.close()
      const revoked = yield* serve({ auth: undefined, stateDir })
      assert.strictEqual(yield* status(revoked.url), 401)
      assert.isUndefined(revoked.keyFile, "a file whose key opens nothing")
    }).pipe(Effect.scoped)
  )
})

describe("limits", () => {
  const limits = { headerTime: "300 millis", bodyStall: "300 millis", connections: 4, bodySize: "64 KiB" } as const
  it.live("a head that is too large or too slow, and a body that stands still, are refused with a word about it", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ limits })
      const large = yield* Effect.promise(() =>
        raw(port, (socket) => socket.write(`GET / HTTP/1.1\r\nhost: x\r\nx-large: ${"a".repeat(20_000)}\r\n\r\n`))
      )
      assert.match(large, /^HTTP\/1\.1 431 [^]*headers_too_large/)
      const slow = yield* Effect.promise(() => raw(port, (socket) => socket.write("GET / HTTP/1.1\r\nhost: ")))
      assert.match(slow, /^HTTP\/1\.1 408 [^]*slow_request/)
      const silent = yield* Effect.promise(() => raw(port, () => {}))
      assert.strictEqual(silent, "")
      const stalled = yield* Effect.promise(() =>
        raw(port, (socket) =>
          socket.write(
            `POST /v1/devboxes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`
          )
        )
      )
      assert.match(stalled, /^HTTP\/1\.1 408 [^]*slow_request/)
      const nonsense = yield* Effect.promise(() => raw(port, (socket) => socket.write("\x16\x03\x01 hello\r\n\r\n")))
      assert.match(nonsense, /^HTTP\/1\.1 400 [^]*invalid_request/)
      const proxy = yield* Effect.promise(() =>
        raw(port, (socket) => socket.write("CONNECT example.test:80 HTTP/1.1\r\nhost: example.test:80\r\n\r\n"))
      )
      assert.match(proxy, /^HTTP\/1\.1 405 /)
    }).pipe(Effect.scoped)
  )
  it.live("a body that is too large is refused", () =>
    Effect.gen(function* () {
      const { url } = yield* serve({ limits })
      const body = JSON.stringify({ name: "n".repeat(100_000) })
      const refused = yield* Effect.promise(() => ask1(url, { ...create, body }))
      assert.strictEqual(refused.status, 413)
      assert.include(refused.body, "too_large")
    }).pipe(Effect.scoped)
  )
  it.live("one connection too many is told so, and there is room again when one has gone", () =>
    Effect.gen(function* () {
      const { load, port, url } = yield* serve({ limits: { connections: 4 } })
      const open: Array<net.Socket> = []
      for (let index = 0; index < 4; index++) {
        open.push(
          yield* Effect.callback<net.Socket>((resume) => {
            const socket = net.connect(port, "127.0.0.1")
            socket.once("data", () => resume(Effect.succeed(socket)))
            socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
          })
        )
      }
      assert.strictEqual((yield* load).connections, 4)
      const refused = yield* Effect.promise(() => raw(port, () => {}))
      assert.match(refused, /^HTTP\/1\.1 503 [^]*too_many_connections/)
      const gone = new Promise((resolve) => open[0]?.once("close", resolve))
      open[0]?.end()
      yield* Effect.promise(() => gone)
      yield* Effect.repeat(load, { until: ({ connections }) => connections < 4 })
      assert.strictEqual((yield* Effect.promise(() => ask1(url, { path: "/healthz" }))).status, 200)
      for (const socket of open) socket.destroy()
    }).pipe(Effect.scoped)
  )
  it.live("more held requests than allowed are answered early with 408", () =>
    Effect.gen(function* () {
      const { load, url } = yield* serve({ limits: { held: 2 } })
      const id = idOf(yield* Effect.promise(() => ask1(url, create)))
      const wait = { path: `/v1/devboxes/${id}/wait_for_status`, key, body: '{"statuses":["suspended"]}' }
      const held = yield* Effect.forkChild(
        Effect.promise(() => ask2(url, wait, wait)),
        { startImmediately: true }
      )
      yield* Effect.repeat(load, { until: (now) => now.held === 2 })
      const early = yield* Effect.promise(() => ask1(url, wait))
      assert.strictEqual(early.status, 408)
      assert.isUndefined(held.pollUnsafe())
      yield* Effect.promise(() => ask1(url, { path: `/v1/devboxes/${id}/suspend`, key, body: "" }))
      assert.deepStrictEqual(
        (yield* Fiber.join(held)).map(({ status }) => status),
        [200, 200]
      )
    }).pipe(Effect.scoped)
  )
})

describe("a server that stops", () => {
  it.live("answers what it holds with 408, ends streams so that clients come back, and finishes the rest", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { load, port, url } = yield* Scope.provide(serve(), scope)
      const id = idOf(yield* Effect.promise(() => ask1(url, create)))
      const execution = JSON.parse(
        (yield* Effect.promise(() =>
          ask1(url, { path: `/v1/devboxes/${id}/execute_async`, key, body: '{"command":"echo a; sleep 1000"}' })
        )).body
      ) as { readonly execution_id: string }
      const wait = { path: `/v1/devboxes/${id}/wait_for_status`, key, body: '{"statuses":["suspended"]}' }
      const stream = { path: `/v1/devboxes/${id}/executions/${execution.execution_id}/stream_stdout_updates`, key }
      const open = yield* Effect.forkChild(
        Effect.promise(() => Promise.all([ask1(url, wait), ask2(url, wait, stream), ask1(url, stream)])),
        { startImmediately: true }
      )
      yield* Effect.repeat(load, { until: (now) => now.held === 4 && now.connections === 3 })
      yield* Scope.close(scope, Exit.void)
      const [first, second, streamed] = yield* Fiber.join(open)
      assert.deepStrictEqual(
        [first.status, second[0]?.status, second[1]?.status, streamed.status],
        [408, 408, 200, 200]
      )
      for (const body of [second[1]?.body ?? "", streamed.body]) {
        assert.include(body, '{"output":"a\\n","offset":2}')
        assert.match(body, /event: error\ndata: \{"message":"[^"]*","code":"408"/)
        assert.match(body, /\n\n$/)
      }
      const after = yield* Effect.exit(Effect.tryPromise(() => ask1(`http://127.0.0.1:${port}`, { path: "/healthz" })))
      assert.isTrue(Exit.isFailure(after))
    })
  )
})

describe("those who watch over a server", () => {
  it.live("find health, readiness, metrics with an operator's key, the document and a page to read it", () =>
    Effect.gen(function* () {
      const { url } = yield* serve({ operators: ["alice"] })
      yield* Effect.promise(() => ask1(url, create))
      const get = (path: string, key?: string) => Effect.promise(() => ask1(url, { path, key }))
      assert.strictEqual((yield* get("/healthz")).body, '{"status":"ok"}')
      assert.strictEqual((yield* get("/readyz")).status, 200)
      assert.strictEqual((yield* get("/metrics")).status, 401)
      const stranger = yield* get("/metrics", Redacted.value(keys.bob))
      assert.strictEqual(stranger.status, 403)
      assert.include(stranger.body, "operators of this server")
      const metrics = (yield* get("/metrics", key)).body
      assert.match(metrics, /devbox_server_requests\{endpoint="devboxes\.create",status="200"\} [1-9]/)
      assert.match(metrics, /devbox_server_connections 1/)
      const document = JSON.parse((yield* get("/openapi.json")).body) as { readonly paths: Record<string, unknown> }
      assert.property(document.paths, "/v1/devboxes/{id}/executions/{executionId}/wait_for_status")
      assert.include((yield* get("/docs")).body, "createApiReference")
    }).pipe(Effect.scoped)
  )
})
