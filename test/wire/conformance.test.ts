/**
 * The laws of backends and of the service, over the wire: what holds of the memory backend holds of client ∘ server over it. Once
 * with a server of ours that says what it can do and once as Runloop's text wire, in virtual time without a port; and over real
 * sockets: the handlers alone, and the whole `DevboxServer` with its keys, its state and its doors, by
 * HTTP/1.1 and by HTTP/2.
 */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import type { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import { Laws } from "@effect-devbox/core/testing"
import * as RunloopNode from "@effect-devbox/node/RunloopNode"
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { keys, serve } from "../node/server/support.ts"
import { apiKey, layerServer, overTheWire } from "./support.ts"

/** What the memory backend itself passes with is what is asked of it over the wire. */
const memory = MemoryBackend.layer()

type AnyLaw = Laws.Law<DevboxBackend | DevboxService>

const laws = [
  ...Laws.backendLaws.map((law): readonly [string, AnyLaw] => ["backend", law]),
  ...Laws.serviceLaws.map((law): readonly [string, AnyLaw] => ["service", law])
]

const connections = [
  "dial-refused",
  "fetch-refused",
  "port-of-the-dead",
  "port-timeout",
  "pty-echoes",
  "pty-ends-with-scope",
  "pty-environment",
  "pty-exit",
  "pty-handle",
  "pty-interrupt",
  "pty-shell",
  "pty-size"
]

/** Laws that cannot be asked for over a wire, each with the reason; any other skip is a failure. */
const skips: Readonly<Record<keyof typeof modes, ReadonlyArray<string>>> = {
  // A connection into a devbox is no request, and neither is a terminal.
  ours: connections,
  socket: connections,
  "DevboxServer, HTTP/1.1": connections,
  "DevboxServer, HTTP/2": connections,
  // Runloop's wire has text for output, no list filter, no signals, nothing for one command's environment, and one tunnel for
  // all ports.
  plain: [
    ...connections,
    "exec-exact-bytes",
    "exec-folder-and-environment",
    "exec-large-output",
    "exec-timed-out-stubborn",
    "file-not-text",
    "kill-asks-first",
    "kill-by-degrees",
    "list-by-metadata",
    "list-shows-created",
    "output-end-promises",
    "output-from-any-byte",
    "output-past-the-end",
    "output-without-gaps",
    "stdin-arrives",
    "streams-bytes",
    "tunnel-by-port",
    "tunnel-by-port-keeps"
  ]
}

const inProcess = (law: AnyLaw, backend: Layer.Layer<DevboxBackend, unknown>) =>
  Laws.judgeVirtually(law, DevboxService.layer.pipe(Layer.provideMerge(backend)))

/** The server on a port of its own, and the client for Node. Real time. */
const overASocket = (law: AnyLaw) => {
  const client = Layer.unwrap(
    Effect.map(HttpServer.HttpServer, ({ address }) => {
      const baseUrl = `http://127.0.0.1:${"port" in address ? address.port : 0}`
      return RunloopBackend.layerServer({ apiKey, baseUrl }).pipe(Layer.provide(RunloopNode.layerClient(baseUrl)))
    })
  ).pipe(Layer.provide(layerServer(memory)))
  return Effect.provide(Laws.judge(law), DevboxService.layer.pipe(Layer.provideMerge(client)))
}

/** The server that people run, and the client for Node. Real time. */
const overTheServer = (http2: RunloopNode.ClientOptions["http2"]) => (law: AnyLaw) => {
  const client = Layer.unwrap(
    Effect.map(serve({}, memory), ({ url }) =>
      RunloopBackend.layerServer({ apiKey: keys.alice, baseUrl: url }).pipe(
        Layer.provide(RunloopNode.layerClient(url, { http2 }))
      )
    )
  )
  return Effect.provide(Laws.judge(law), DevboxService.layer.pipe(Layer.provideMerge(client)))
}

const modes = {
  ours: (law: AnyLaw) => inProcess(law, overTheWire(memory, "ours")),
  plain: (law: AnyLaw) => inProcess(law, overTheWire(memory, "plain")),
  socket: overASocket,
  "DevboxServer, HTTP/1.1": overTheServer(false),
  "DevboxServer, HTTP/2": overTheServer("priorKnowledge")
}

const direct = new Map<string, Laws.Verdict>()

for (const mode of ["ours", "plain", "socket", "DevboxServer, HTTP/1.1", "DevboxServer, HTTP/2"] as const) {
  describe(`over the wire (${mode})`, () => {
    it("skips no law that does not exist", () => {
      assert.includeMembers(
        laws.map(([, law]) => law.id),
        [...skips[mode]]
      )
    })
    for (const [kind, law] of laws) {
      it.live(
        `${kind} ${law.id}: ${law.title}`,
        () =>
          Effect.gen(function* () {
            const expected = direct.get(law.id) ?? (yield* inProcess(law, memory))
            direct.set(law.id, expected)
            const wired = yield* modes[mode](law)
            if (wired._tag !== "Skipped") return assert.deepStrictEqual(wired, expected)
            if (expected._tag === "Skipped") return
            console.log(`    skipped (${mode}) ${law.id}: ${wired.reason}`)
            assert.include(skips[mode], law.id)
          }),
        130_000
      )
    }
  })
}
