/**
 * The official TypeScript client, unmodified, over a server on this machine's devboxes: every method of its object layer works,
 * or is refused with a type because the backend does not have the feature. Over HTTP/2, as it does by default, and HTTP/1.1.
 */
import { assert, describe, it } from "@effect/vitest"
import { DevboxBackend } from "@effect-devbox/core/DevboxBackend"
import * as LocalBackend from "@effect-devbox/node/LocalBackend"
import { APIError, Runloop } from "@runloop/api-client"
import { type Devbox, RunloopSDK } from "@runloop/api-client/sdk"
import { Effect, Layer, Redacted } from "effect"
import { leftovers, stateDir } from "../../local/fixtures.ts"
import { keys, serve } from "../support.ts"
import { methodsOf } from "./methods.ts"
import { type Trial, trials, type World } from "./trials.ts"

type Outcome = "works" | "typed unsupported"

const isRefusal = (error: unknown): boolean =>
  error instanceof APIError &&
  error.status === 501 &&
  (error.error as { code?: string } | undefined)?.code === "unsupported"

const tryOut = async (trial: Trial, world: World): Promise<Outcome> => {
  try {
    await trial.run(world)
    return "works"
  } catch (error) {
    if (isRefusal(error)) return "typed unsupported"
    throw error
  }
}

/** Runs every trial and says what became of each; what has to be said of the first that went wrong is the failure. */
const tryAll = async (url: string, http2: boolean, features: ReadonlySet<string>) => {
  const options = { bearerToken: Redacted.value(keys.alice), baseURL: url, ...(http2 ? {} : { http2: false }) }
  const client = new RunloopSDK(options)
  const { api } = client
  const box = await client.devbox.create({ name: "shared" })
  const table: Record<string, Outcome> = {}
  for (const [name, trial] of Object.entries(trials)) {
    const made: Array<Devbox> = []
    const fresh = async () => {
      const one = await client.devbox.create()
      made.push(one)
      return one
    }
    const outcome = await tryOut(trial, { client, api, box, fresh }).catch((cause: unknown) => {
      throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    })
    const expected = trial.needs === undefined || features.has(trial.needs) ? "works" : "typed unsupported"
    assert.strictEqual(outcome, expected, name)
    table[name] = outcome
    for (const one of made) await one.shutdown()
  }
  await box.shutdown()
  return table
}

/** The server under test and where its devboxes lie; nothing of them is left. */
const onThisMachine = <A>(use: (url: string, features: ReadonlySet<string>) => Promise<A>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const dir = yield* stateDir
      const value = yield* Effect.scoped(
        Effect.gen(function* () {
          const context = yield* Layer.build(LocalBackend.layer({ stateDir: dir }))
          const backend = yield* Effect.provide(DevboxBackend, context)
          const { url } = yield* serve({ onExit: "shutdown" }, Layer.succeed(DevboxBackend, backend))
          return yield* Effect.promise(() => use(url, backend.capabilities.features))
        })
      )
      assert.deepStrictEqual(leftovers(dir), [])
      return value
    })
  )

describe("the official client", () => {
  it("has a trial for every method, and no trial for one that it does not have", () => {
    const api = new Runloop({ bearerToken: "x", baseURL: "http://127.0.0.1:1" })
    assert.deepStrictEqual(Object.keys(trials).sort(), [...methodsOf(api)].sort())
  })
  for (const [protocol, http2] of [
    ["HTTP/2, its default", true],
    ["HTTP/1.1", false]
  ] as const) {
    it.live(
      `does what it can over ${protocol}, and is told by a type what it cannot`,
      () =>
        Effect.gen(function* () {
          const table = yield* onThisMachine((url, features) => tryAll(url, http2, features))
          const rows = Object.entries(table)
          const refused = rows.filter(([, outcome]) => outcome !== "works").map(([name]) => name)
          console.log(
            `    ${protocol}: ${rows.length} methods, ${rows.length - refused.length} work, ${refused.length} typed unsupported: ${refused.join(", ")}`
          )
        }),
      { timeout: 400_000 }
    )
  }
})
