/** Connections to ports in devboxes of this machine: to detached ones, without a network of their own, and when they have ended. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxBackend } from "@effect-devbox/core"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Schedule, Stream } from "effect"
import * as path from "node:path"
import { openDatabase } from "../../../packages/node/src/internal/store/database.ts"
import { openOwners } from "../../../packages/node/src/internal/store/owners.ts"
import { inLocal, leftovers, local, stateDir } from "./fixtures.ts"

/** A server that says a word; with port 0, on a port that it prints. */
const say = (word: string, port: number): string =>
  `exec node -e 'const s = require("net").createServer((s) => s.end("${word}"))
    s.listen(${port}, "127.0.0.1", () => console.log(s.address().port))'`

/** What a server says, once it listens. */
const ask = (id: DevboxId, port: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { dial } = yield* DevboxBackend.DevboxBackend
      const { readable } = yield* dial(id, port)
      return yield* Stream.mkString(Stream.decodeText(readable))
    })
  )
const askSoon = (id: DevboxId, port: number) => Effect.retry(ask(id, port), Schedule.spaced("20 millis"))

describe("dial on the local backend", () => {
  it.live("reaches a detached devbox from every process, and says when its holder is gone", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* stateDir
        const id = yield* Effect.gen(function* () {
          const devbox = yield* Devbox.createDetached()
          yield* devbox.cmd.execDetached(say("held", 8080))
          assert.strictEqual(yield* askSoon(devbox.id, 8080), "held")
          return devbox.id
        }).pipe(Effect.provide(local(dir)))
        yield* Effect.gen(function* () {
          const devbox = yield* Devbox.attach(id)
          assert.strictEqual(yield* ask(id, 8080), "held")
          const db = openDatabase(path.join(dir, "state.db"))
          const pid = openOwners(db).find(({ kind }) => kind === "holder")?.pid
          db.close()
          assert.isDefined(pid)
          process.kill(pid, "SIGKILL")
          yield* Effect.repeat(Effect.andThen(LocalBackend.gc(dir), devbox.getInfo), {
            until: ({ status }) => status === "suspended"
          })
          const error = yield* Effect.flip(ask(id, 8080))
          assert.strictEqual(error._tag, "DevboxNotReady")
          yield* devbox.shutdown()
        }).pipe(Effect.provide(local(dir)))
        assert.deepStrictEqual(leftovers(dir), [])
      })
    )
  )

  it.live("reaches a devbox without a network of its own on this machine's loopback", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* Devbox.create({ network: "host" })
        // The machine's ports are shared with everything that runs on it: this one is free because the machine says so.
        const server = yield* devbox.cmd.execAsync(say("host", 0))
        const port = Number(yield* Stream.mkString(Stream.take(server.stdoutLines, 1)))
        assert.strictEqual(yield* ask(devbox.id, port), "host")
      })
    )
  )

  it.live("refuses what is no port before anything is done", () =>
    inLocal(() =>
      Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        for (const port of [0, 65_536, 1.5, Number.NaN]) {
          const error = yield* Effect.flip(ask(devbox.id, port))
          assert.include(error.message, "is not a port")
        }
        assert.include(
          (yield* Effect.flip(ask(devbox.id, 9))).message,
          `nothing listens on port 9 in devbox ${devbox.id}`
        )
      })
    )
  )
})
