/** Tunnels of devboxes that sleep: a request wakes them if it may, is held meanwhile, and counts as activity if it shall. */
import { assert, describe, it } from "@effect/vitest"
import { type Devbox, DevboxService } from "@effect-devbox/core"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { local, nothingLeft, stateDir } from "../local/fixtures.ts"
import { curl, run } from "./clients.ts"
import { SshFiles } from "@effect-devbox/node"

const program = readFileSync(join(import.meta.dirname, "server.cjs"), "utf8")

/** The server is the entrypoint, so that it comes back with the devbox. */
const options = {
  entrypoint: "until [ -f server.cjs ]; do sleep 0.02; done; exec node server.cjs 3000",
  tunnel: { wakeOnHttp: true }
}

const code = (url: string, ...args: ReadonlyArray<string>) =>
  Effect.map(curl("-o", "/dev/null", "-w", "%{http_code}", ...args, url), ({ stdout }) => stdout)

/** A devbox that has been asked once, so that its server is known to listen. */
const serving = (devbox: Devbox.Devbox) =>
  Effect.gen(function* () {
    yield* devbox.file.write("server.cjs", program)
    const url = (yield* devbox.net.getTunnel)!.url(3000)
    yield* Effect.repeat(code(url), { until: (status) => status === "200" })
    return url
  })

describe("a tunnel of a devbox that sleeps", () => {
  for (const detached of [false, true]) {
    it.live(
      `wakes a ${detached ? "detached" : "scoped"} devbox with a request, which is answered at the same URL`,
      () =>
        Effect.gen(function* () {
          const dir = yield* stateDir
          yield* Effect.gen(function* () {
            const service = yield* DevboxService
            const devbox = yield* detached ? service.createDetached(options) : service.create(options)
            const url = yield* serving(devbox)
            const files = yield* SshFiles.write(devbox, join(dir, "keys"), { name: "box" })
            yield* devbox.suspend
            yield* devbox.awaitSuspended()
            const [program = "", ...args] = files.command
            assert.match((yield* run(program, [...args, "true"])).stderr, /suspended/)
            assert.strictEqual((yield* devbox.getInfo).status, "suspended")
            const page = yield* curl(url)
            assert.include(page.stdout, "served from inside a devbox")
            assert.strictEqual((yield* devbox.getInfo).status, "running")
            // The host is the same as before, for the key as for the one who checks it.
            assert.strictEqual((yield* run(program, [...args, "echo back"])).stdout, "back\n")
            yield* devbox.shutdown()
          }).pipe(Effect.scoped, Effect.provide(local(dir)))
          yield* nothingLeft(dir)
        }).pipe(Effect.scoped),
      60_000
    )
  }

  it.live(
    "lets it sleep when it is not to be woken, and is the same when it is resumed",
    () =>
      Effect.gen(function* () {
        const dir = yield* stateDir
        yield* Effect.gen(function* () {
          const devbox = yield* (yield* DevboxService).createDetached({ ...options, tunnel: {} })
          const url = yield* serving(devbox)
          yield* devbox.suspend
          yield* devbox.awaitSuspended()
          // Nobody serves it any more, or says that it sleeps.
          assert.include(["000", "503"], yield* code(url))
          assert.strictEqual((yield* devbox.getInfo).status, "suspended")
          yield* devbox.resume
          yield* devbox.awaitRunning()
          assert.strictEqual((yield* devbox.net.getTunnel)?.url(3000), url)
          yield* Effect.repeat(code(url), { until: (status) => status === "200" })
          yield* devbox.shutdown()
        }).pipe(Effect.provide(local(dir)))
        yield* nothingLeft(dir)
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "keeps a devbox from being idle, unless it was told that traffic does not count",
    () =>
      Effect.gen(function* () {
        const dir = yield* stateDir
        yield* Effect.gen(function* () {
          const service = yield* DevboxService
          const idle = { afterIdle: { time: "2 seconds", action: "suspend" } } as const
          // No entrypoint: a command that runs would count by itself. What answers is started without one.
          const start = (httpKeepAlive: boolean) =>
            Effect.gen(function* () {
              const devbox = yield* service.create({ ...idle, tunnel: { httpKeepAlive } })
              yield* devbox.file.write("server.cjs", program)
              yield* devbox.cmd.exec(
                "setsid -f node server.cjs 3000 >log 2>&1; until grep -q listening log; do sleep 0.02; done"
              )
              return { devbox, url: (yield* devbox.net.getTunnel)!.url(3000) }
            })
          // Both are asked all the time, each from the moment on that it is there; the one for which that does not count falls asleep.
          const asked = (httpKeepAlive: boolean) =>
            Effect.tap(start(httpKeepAlive), ({ url }) => Effect.forkScoped(Effect.forever(code(url))))
          const kept = yield* asked(true)
          const dropped = yield* asked(false)
          yield* dropped.devbox.awaitSuspended({ timeout: "20 seconds" })
          assert.strictEqual((yield* kept.devbox.getInfo).status, "running")
        }).pipe(Effect.scoped, Effect.provide(local(dir)))
      }).pipe(Effect.scoped),
    60_000
  )
})
