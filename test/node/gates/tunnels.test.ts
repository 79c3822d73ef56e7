/** Tunnels with real clients: curl, Node's own WebSocket and fetch, against a server that runs inside a devbox. */
import { assert, describe, it } from "@effect/vitest"
import { type Devbox, DevboxService } from "@effect-devbox/core"
import { Effect, Stream } from "effect"
import { createHash, randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { get } from "node:http"
import { join } from "node:path"
import { findLeaks } from "../../tools/findLeaks.ts"
import * as Proc from "../../tools/proc.ts"
import { inLocal, local, nothingLeft, stateDir } from "../local/fixtures.ts"
import { curl, folder, localhostIsHere, run, text } from "./clients.ts"

const program = readFileSync(join(import.meta.dirname, "server.cjs"), "utf8")

/** Starts the server of `server.cjs` on a port of the devbox and waits until it listens. */
const serve = (devbox: Devbox.Devbox, port: number) =>
  Effect.gen(function* () {
    yield* devbox.file.write("server.cjs", program)
    const server = yield* devbox.cmd.execAsync(["node", "server.cjs", String(port)])
    yield* Stream.runHead(server.stdout)
    return server
  })

const create = Effect.flatMap(DevboxService, (service) => service.create())

/** A devbox with the server on port 3000 and an open tunnel. */
const served = Effect.gen(function* () {
  const devbox = yield* create
  yield* serve(devbox, 3000)
  const tunnel = yield* devbox.net.enableTunnel()
  return { devbox, tunnel, url: tunnel.url(3000) }
})

/** The same in a detached devbox, of which only its id and the address stay. */
const servedDetached = Effect.gen(function* () {
  const devbox = yield* (yield* DevboxService).createDetached({ tunnel: {} })
  yield* devbox.file.write("server.cjs", program)
  const server = yield* devbox.cmd.execDetached(["node", "server.cjs", "3000"])
  yield* Stream.runHead(server.stdout)
  return { id: devbox.id, url: (yield* devbox.net.getTunnel)!.url(3000) }
})

interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly length: number
  readonly sha256: string
}
const echo = (said: string): Echo => JSON.parse(said) as Echo

describe("a tunnel", () => {
  it.live("leads curl to a server inside: the URL as it is, method, body, and who asked", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { url } = yield* served
        const seen = echo((yield* curl("-X", "PUT", "-d", "some words", `${url}/a%20b?c=d`)).stdout)
        assert.deepStrictEqual([seen.method, seen.url, seen.length], ["PUT", "/a%20b?c=d", 10])
        const host = new URL(url).host
        assert.strictEqual(seen.headers["host"], host)
        assert.strictEqual(seen.headers["x-forwarded-for"], "127.0.0.1")
        assert.strictEqual(seen.headers["x-forwarded-host"], host)
        assert.strictEqual(seen.headers["x-forwarded-proto"], "http")
        assert.strictEqual(seen.headers["x-forwarded-port"], new URL(url).port)
        const behind = yield* curl("-H", "X-Forwarded-For: 203.0.113.9", "-H", "X-Forwarded-Host: evil", `${url}/x`)
        assert.strictEqual(echo(behind.stdout).headers["x-forwarded-for"], "203.0.113.9, 127.0.0.1")
        assert.strictEqual(echo(behind.stdout).headers["x-forwarded-host"], host)
      })
    )
  )

  it.live("passes large bodies both ways whole, and an answer that breaks off as one that breaks off", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { url } = yield* served
        const dir = yield* folder
        const file = join(dir, "large")
        const bytes = randomBytes(40_000_000)
        writeFileSync(file, bytes)
        const sha256 = createHash("sha256").update(bytes).digest("hex")
        assert.deepStrictEqual(
          [
            echo((yield* curl("-T", file, `${url}/up`)).stdout).sha256,
            // Without a length, in pieces.
            echo((yield* curl("-T", "-", `${url}/up`, "-H", "Expect:")).stdout).length,
            echo((yield* run("sh", ["-c", `cat '${file}' | curl -sS -T - '${url}/up'`])).stdout).sha256
          ],
          [sha256, 0, sha256]
        )
        const down = yield* curl("-o", "/dev/null", "-w", "%{size_download}", `${url}/bytes?n=100000000`)
        assert.strictEqual(down.stdout, "100000000")
        const broken = yield* curl(`${url}/break`)
        assert.deepStrictEqual([broken.code, broken.stdout], [18, "only this"])
        const trailers = yield* curl("-i", "--raw", `${url}/trailers`)
        assert.match(trailers.stdout, /x-sum: 42/)
      })
    )
  )

  it.live("passes events one by one, while the answer is open", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { url } = yield* served
        yield* localhostIsHere
        const heard = yield* Effect.promise(
          () =>
            new Promise<string>((resolve, reject) => {
              let printed = ""
              const asking = get(`${url}/events`, (answer) => {
                answer.on("data", (piece: Buffer) => {
                  printed += piece.toString()
                  // The next is only sent when this one has arrived.
                  if (printed.endsWith("ready\n\n")) get(`${url}/next`, (next) => next.resume())
                  else {
                    asking.destroy()
                    resolve(printed)
                  }
                })
              })
              asking.on("error", reject)
            })
        )
        assert.strictEqual(heard, "data: ready\n\ndata: next\n\n")
      })
    )
  )

  it.live("passes WebSockets: text, bytes, large messages, and the close of either side", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { devbox, url } = yield* served
        yield* localhostIsHere
        const address = url.replace("http:", "ws:")
        const talk = (messages: ReadonlyArray<string | Uint8Array<ArrayBuffer>>) =>
          Effect.promise(
            () =>
              new Promise<ReadonlyArray<unknown>>((resolve, reject) => {
                const socket = new WebSocket(address)
                socket.binaryType = "arraybuffer"
                const heard: Array<unknown> = []
                socket.onopen = () => messages.forEach((message) => socket.send(message))
                socket.onerror = () => reject(new Error("the WebSocket failed"))
                socket.onmessage = ({ data }) => {
                  heard.push(typeof data === "string" ? data : (data as ArrayBuffer).byteLength)
                  if (heard.length === messages.length) socket.close(1000)
                }
                socket.onclose = ({ code }) => resolve([...heard, code])
              })
          )
        assert.deepStrictEqual(yield* talk(["hello", new Uint8Array(5), new Uint8Array(200_000)]), [
          "hello",
          5,
          200_000,
          1000
        ])
        // A tunnel that is removed takes what goes through it along.
        const open = yield* Effect.promise(
          () =>
            new Promise<{ readonly closed: Promise<number> }>((resolve, reject) => {
              const socket = new WebSocket(address)
              const closed = new Promise<number>((over) => (socket.onclose = ({ code }) => over(code)))
              socket.onerror = () => reject(new Error("the WebSocket failed"))
              socket.onopen = () => {
                socket.onerror = null
                resolve({ closed })
              }
            })
        )
        yield* devbox.net.removeTunnel()
        assert.strictEqual(yield* Effect.promise(() => open.closed), 1006)
      })
    )
  )

  it.live(
    "holds five hundred WebSockets at once, and drops none",
    () =>
      inLocal(() =>
        Effect.gen(function* () {
          const { url } = yield* served
          yield* localhostIsHere
          const address = url.replace("http:", "ws:")
          const wished = 500
          const rounds = 5
          // Everybody answers in a round before the next begins, so that all of them are open all the time.
          const { closed, rounded } = yield* Effect.promise(async () => {
            let closed = 0
            const sockets = await Promise.all(
              Array.from(
                { length: wished },
                () =>
                  new Promise<WebSocket>((resolve, reject) => {
                    const socket = new WebSocket(address)
                    socket.onopen = () => resolve(socket)
                    socket.onerror = () => reject(new Error("a WebSocket failed"))
                    socket.onclose = () => closed++
                  })
              )
            )
            const ask = (socket: WebSocket, word: string) =>
              new Promise<boolean>((resolve) => {
                socket.onmessage = ({ data }) => resolve(data === word)
                socket.send(word)
              })
            const rounded: Array<number> = []
            for (let round = 0; round < rounds; round++) {
              const answers = await Promise.all(sockets.map((socket, at) => ask(socket, `${round} ${at}`)))
              rounded.push(answers.filter((right) => right).length)
            }
            const whileOpen = closed
            for (const socket of sockets) socket.close()
            return { closed: whileOpen, rounded }
          })
          assert.deepStrictEqual(
            rounded,
            Array.from({ length: rounds }, () => wished)
          )
          assert.strictEqual(closed, 0)
        })
      ),
    60_000
  )

  it.live("speaks HTTP/2 with clients that do, whether the server inside does or not", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { devbox, tunnel, url } = yield* served
        const two = ["--http2-prior-knowledge", "-w", "\n%{http_version}"]
        const [seen = "", version] = (yield* curl(...two, "-d", "words", `${url}/x`)).stdout.split("\n")
        assert.strictEqual(version, "2")
        assert.deepStrictEqual([echo(seen).method, echo(seen).length], ["POST", 5])
        assert.strictEqual(echo(seen).headers["host"], new URL(url).host)
        const down = yield* curl(
          "--http2-prior-knowledge",
          "-o",
          "/dev/null",
          "-w",
          "%{size_download}",
          `${url}/bytes?n=20000000`
        )
        assert.strictEqual(down.stdout, "20000000")
        const inside = yield* devbox.cmd.execAsync(
          `exec node -e 'const s = require("http2").createServer(); s.on("stream", (t, h) => { t.respond({ ":status": 201, "x-path": h[":path"], "x-proto": h["x-forwarded-proto"] }, { waitForTrailers: true }); t.on("wantTrailers", () => t.sendTrailers({ "x-sum": "42" })); t.pipe(t) }); s.listen(3001, "127.0.0.1", () => console.log("up"))'`
        )
        yield* Stream.runHead(inside.stdout)
        const answer = yield* curl(...two, "-i", "-d", "there and back", `${tunnel.url(3001)}/y`)
        assert.match(
          answer.stdout,
          /^HTTP\/2 201[\s\S]*x-path: \/y[\s\S]*x-proto: http[\s\S]*there and back[\s\S]*x-sum: 42/
        )
        const nobody = yield* curl("--http2-prior-knowledge", "-i", tunnel.url(3002))
        assert.match(nobody.stdout, /^HTTP\/2 502[\s\S]*Nothing listens on port 3002/)
      })
    )
  )

  it.live("says clearly why nothing answers: no server, no such tunnel, no token", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const { devbox, tunnel, url } = yield* served
        const silent = yield* curl("-i", "-H", "Accept: text/html", tunnel.url(3001))
        assert.match(silent.stdout, /^HTTP\/1.1 502 [\s\S]*<h1>Nothing answers<\/h1>/)
        assert.include(silent.stdout, "Nothing listens on port 3001 in the devbox.")
        assert.notInclude(silent.stdout, devbox.id)
        const wrong = yield* curl("-i", url.replace(tunnel.tunnelKey, "abcdefghijklmnopqrst"))
        assert.match(wrong.stdout, /^HTTP\/1.1 404 /)
        const { port } = new URL(url)
        assert.match((yield* curl("-i", `http://127.0.0.1:${port}/`)).stdout, /^HTTP\/1.1 404 /)

        const closed = yield* devbox.net.enableTunnel({ authMode: "authenticated" })
        const token = text(closed.authToken)
        const ask = (...headers: ReadonlyArray<string>) =>
          curl("-w", "\n%{http_code}", ...headers.flatMap((header) => ["-H", header]), `${url}/x`)
        const status = (said: { readonly stdout: string }) => said.stdout.slice(-3)
        const refused = yield* curl("-i", `${url}/x`)
        assert.match(refused.stdout, /^HTTP\/1.1 401 [\s\S]*www-authenticate: Bearer/)
        assert.strictEqual(status(yield* ask(`Authorization: Bearer ${token}x`)), "401")
        assert.strictEqual(status(yield* ask(`Authorization: Basic ${token}`)), "401")
        const plain = yield* ask(`Authorization: Bearer ${token}`)
        assert.strictEqual(status(plain), "200")
        const special = yield* ask(`X-Runloop-Tunnel-Authorization: Bearer ${token}`, "Authorization: Bearer of-theirs")
        // The token is for us alone; what is for the server inside arrives.
        assert.notInclude(plain.stdout + special.stdout, token)
        assert.strictEqual(echo(special.stdout.split("\n")[0]!).headers["authorization"], "Bearer of-theirs")
        const upgrade = yield* curl("-i", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", `${url}/`)
        assert.match(upgrade.stdout, /^HTTP\/1.1 401 /)
      })
    )
  )

  it.live("is opened and closed port by port", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* create
        yield* serve(devbox, 3000)
        yield* serve(devbox, 3001)
        const one = yield* devbox.net.createTunnel(3000)
        const status = (url: string) =>
          Effect.map(curl("-o", "/dev/null", "-w", "%{http_code}", url), (said) => said.stdout)
        assert.strictEqual(yield* status(one.url), "200")
        const foreign = one.url.replace("//3000-", "//3001-")
        assert.strictEqual(yield* status(foreign), "404")
        const two = yield* devbox.net.createTunnel(3001)
        assert.strictEqual(two.url, foreign)
        assert.strictEqual(yield* status(foreign), "200")
        yield* devbox.net.removeTunnel(3000)
        assert.strictEqual(yield* status(one.url), "404")
        assert.strictEqual(yield* status(foreign), "200")
        yield* devbox.net.removeTunnel(3001)
        assert.strictEqual(yield* devbox.net.getTunnel, undefined)
      })
    )
  )

  it.live(
    "of a detached devbox is served again, at the same URL, when what served it was killed",
    () =>
      Effect.gen(function* () {
        const dir = yield* stateDir
        const { id, url } = yield* servedDetached.pipe(Effect.provide(local(dir)))
        const keepers = findLeaks({ stateDir: dir })
          .map(({ what }) => Number.parseInt(what, 10))
          .filter((pid) => Proc.file(pid, "cmdline").includes("gatekeeperMain"))
        assert.strictEqual(keepers.length, 1)
        process.kill(keepers[0]!, "SIGKILL")
        // Refused, when the kernel has closed what it left open.
        yield* Effect.repeat(curl(url), { until: ({ code }) => code === 7 })
        // Whoever works with the state folder next brings it back.
        yield* Effect.gen(function* () {
          const again = yield* Effect.repeat(curl(url), { until: ({ code }) => code === 0 })
          assert.include(again.stdout, "served from inside a devbox")
          yield* (yield* DevboxService).shutdown(id)
        }).pipe(Effect.provide(local(dir)))
        yield* nothingLeft(dir)
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "of a detached devbox stays open without the program that made it, and goes with the devbox",
    () =>
      Effect.gen(function* () {
        const dir = yield* stateDir
        const { id, url } = yield* servedDetached.pipe(Effect.provide(local(dir)))
        assert.include((yield* curl(url)).stdout, "served from inside a devbox")
        yield* Effect.gen(function* () {
          const devbox = (yield* DevboxService).attach(id)
          assert.strictEqual((yield* devbox.net.getTunnel)?.url(3000), url)
          yield* devbox.net.enableTunnel({ authMode: "authenticated" })
          assert.strictEqual((yield* curl("-o", "/dev/null", "-w", "%{http_code}", url)).stdout, "401")
          yield* devbox.shutdown()
          assert.strictEqual((yield* curl(url)).code, 7)
        }).pipe(Effect.provide(local(dir)))
        yield* nothingLeft(dir)
      }).pipe(Effect.scoped),
    60_000
  )
})
