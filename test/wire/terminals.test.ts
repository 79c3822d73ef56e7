/** Terminals on Runloop as far as its interface goes: their tunnel, sessions and control. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxId } from "@effect-devbox/core/DevboxModel"
import * as RunloopTerminals from "@effect-devbox/core/RunloopTerminals"
import { Effect, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { type Asked, cannedClient } from "./canned.ts"

const id = DevboxId.make("dbx_1")

const answer = ({ path }: Asked) =>
  path.endsWith("/create_pty_tunnel")
    ? { body: { tunnel_key: "k3y", auth_token: "t0ken" } }
    : path.endsWith("/control")
      ? { body: { session_name: "main", status: "ok" } }
      : {
          body: {
            attached: false,
            created: true,
            session_name: "main",
            connect_url: "/pty/main/ws",
            cols: 100,
            rows: 30
          }
        }

const tunnel = (asked: { readonly client: HttpClient.HttpClient }) =>
  RunloopTerminals.make({ apiKey: Redacted.make("a-secret-key"), baseUrl: "https://api.devbox.test" }).pipe(
    Effect.flatMap((terminals) => terminals.tunnel(id)),
    Effect.provideService(HttpClient.HttpClient, asked.client)
  )

describe("a terminal on Runloop", () => {
  it.effect("is reached through a tunnel of its own, with the tunnel's token and never with the key", () => {
    const { asked, client } = cannedClient(answer)
    return Effect.gen(function* () {
      const made = yield* tunnel({ client })
      const session = yield* made.connect(7681, "main", { cols: 100, rows: 30 })
      assert.strictEqual(session.created, true)
      assert.strictEqual(made.socketUrl(7681, session), "wss://7681-k3y.tunnel.devbox.test/pty/main/ws")
      yield* made.control(7681, "main", { action: "resize", cols: 90, rows: 20 })
      yield* made.control(7681, "main", { action: "close" })
      const [made1, connected, resized, closed] = asked
      assert.strictEqual(`${made1?.method} ${made1?.path}`, "POST /v1/devboxes/dbx_1/create_pty_tunnel")
      assert.strictEqual(made1?.headers["authorization"], "Bearer a-secret-key")
      assert.strictEqual(`${connected?.method} ${connected?.path}`, "GET /pty/main")
      assert.deepStrictEqual(connected?.query, { cols: "100", rows: "30" })
      for (const one of [connected, resized, closed]) {
        assert.strictEqual(one?.headers[RunloopTerminals.tokenHeader], "Bearer t0ken")
        assert.notProperty(one?.headers, "authorization")
      }
      assert.deepStrictEqual(JSON.parse(resized!.body), { action: "resize", cols: 90, rows: 20 })
      assert.deepStrictEqual(JSON.parse(closed!.body), { action: "close" })
    })
  })

  it.effect.each([
    ["", undefined],
    ["a b", undefined],
    ["../x", undefined],
    ["a".repeat(257), undefined],
    ["main", { cols: 0, rows: 24 }],
    ["main", { cols: 80, rows: 1001 }]
  ] as const)("is not asked for by the name %j and the size %j", ([name, size]) => {
    const { asked, client } = cannedClient(answer)
    return Effect.gen(function* () {
      const made = yield* tunnel({ client })
      const error = yield* Effect.flip(made.connect(7681, name, size))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
      assert.strictEqual(error.outcome, "rejected")
      assert.strictEqual(asked.length, 1)
    })
  })
})
