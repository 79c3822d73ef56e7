/** Tunnels through the server: by host name, on its one port, whatever backend is behind it. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import { LocalBackend } from "@effect-devbox/node"
import * as RunloopNode from "@effect-devbox/node/RunloopNode"
import { Effect, Layer, Stream } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { stateDir } from "../local/fixtures.ts"
import { keys, serve } from "../server/support.ts"
import { curl, text } from "./clients.ts"

/** The service of somebody who talks to the server. */
const client = (url: string) =>
  DevboxService.layer.pipe(
    Layer.provide(RunloopBackend.layerServer({ baseUrl: url, apiKey: keys.alice })),
    Layer.provide(RunloopNode.layerClient(url))
  )

/** What a name server would do for the names below the server's. */
const to = (port: number) => ["--connect-to", `::127.0.0.1:${port}`]

describe("a tunnel through the server", () => {
  it.live("has the server's name in its URL and leads to a devbox of this machine, in both versions of HTTP", () =>
    Effect.gen(function* () {
      const dir = yield* stateDir
      const { port, url } = yield* serve({ publicUrl: "http://devboxes.test" }, LocalBackend.layer({ stateDir: dir }))
      yield* Effect.gen(function* () {
        const devbox = yield* (yield* DevboxService).create({ tunnel: { authMode: "authenticated" } })
        yield* devbox.file.write("server.cjs", readFileSync(join(import.meta.dirname, "server.cjs"), "utf8"))
        const server = yield* devbox.cmd.execAsync(["node", "server.cjs", "3000"])
        yield* Stream.runHead(server.stdout)
        const tunnel = (yield* devbox.net.getTunnel)!
        const address = tunnel.url(3000)
        assert.strictEqual(address, `http://3000-${tunnel.tunnelKey}.tunnel.devboxes.test`)
        const token = ["-H", `Authorization: Bearer ${text(tunnel.authToken)}`]
        assert.match((yield* curl(...to(port), "-i", address)).stdout, /^HTTP\/1.1 401 /)
        const one = yield* curl(...to(port), ...token, `${address}/x`)
        const seen = JSON.parse(one.stdout) as { readonly headers: Readonly<Record<string, string>> }
        assert.strictEqual(seen.headers["x-forwarded-host"], new URL(address).host)
        const two = yield* curl(...to(port), ...token, "--http2-prior-knowledge", "-i", `${address}/`)
        assert.match(two.stdout, /^HTTP\/2 200[\s\S]*served from inside a devbox/)
        const upgraded = yield* curl(
          ...to(port),
          ...token,
          "-i",
          "-m",
          "2",
          "--http1.1",
          "-H",
          "Connection: Upgrade",
          "-H",
          "Upgrade: websocket",
          "-H",
          "Sec-WebSocket-Key: x",
          address
        )
        assert.match(upgraded.stdout, /^HTTP\/1.1 101 /)
        // The interface itself is where it was.
        assert.strictEqual((yield* curl("-o", "/dev/null", "-w", "%{http_code}", `${url}/healthz`)).stdout, "200")
        yield* devbox.net.removeTunnel()
        assert.match((yield* curl(...to(port), "-i", address)).stdout, /^HTTP\/1.1 404 /)
      }).pipe(Effect.scoped, Effect.provide(client(url)))
    }).pipe(Effect.scoped)
  )

  it.live("leads into any backend that can dial", () =>
    Effect.gen(function* () {
      const answer = new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nmemory")
      const memory = MemoryBackend.layer({
        servers: { 8080: (received) => Stream.map(Stream.take(received, 1), () => answer) }
      })
      const { port, url } = yield* serve({ publicUrl: "http://devboxes.test" }, memory)
      yield* Effect.gen(function* () {
        const devbox = yield* (yield* DevboxService).create()
        const { url: address } = yield* devbox.net.createTunnel(8080)
        assert.strictEqual((yield* curl(...to(port), address)).stdout, "memory")
        const closed = address.replace("//8080-", "//8081-")
        assert.match((yield* curl(...to(port), "-i", closed)).stdout, /^HTTP\/1.1 404 /)
        yield* devbox.net.enableTunnel()
        assert.match((yield* curl(...to(port), "-i", closed)).stdout, /^HTTP\/1.1 502 [\s\S]*port 8081/)
        yield* devbox.suspend
        yield* devbox.awaitSuspended()
        const asleep = (yield* curl(...to(port), "-i", address)).stdout
        assert.match(asleep, /^HTTP\/1.1 503 [\s\S]*The devbox is not running\. It may be suspended/)
        // What backends say is for whoever has the key, and so is a devbox's id.
        assert.notInclude(asleep, devbox.id)
        yield* devbox.resume
        yield* devbox.awaitRunning()
        yield* devbox.net.enableTunnel({ wakeOnHttp: true })
        yield* devbox.suspend
        yield* devbox.awaitSuspended()
        assert.strictEqual((yield* curl(...to(port), address)).stdout, "memory")
        assert.strictEqual((yield* devbox.getInfo).status, "running")
      }).pipe(Effect.scoped, Effect.provide(client(url)))
    }).pipe(Effect.scoped)
  )
})
