/**
 * The official TypeScript client and ours do the same things against one server, and the requests that arrive are compared. Every
 * difference stands in `difference/differences.ts` with its reason; one that does not, and one that is no more, fails.
 */
import { RunloopSDK } from "@runloop/api-client"
import { VERSION } from "@runloop/api-client/version"
import { Data, Effect, Redacted } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { compare } from "./difference/compare.ts"
import { differences } from "./difference/differences.ts"
import { operations } from "./difference/operations.ts"
import { withOurs } from "./difference/ours.ts"
import { record, type Recorded, type Recorder } from "./difference/recorder.ts"
import { described, endpointOf, noteCalls, withoutOfficial, withoutOperation } from "./difference/scope.ts"

class Cannot extends Data.TaggedError("Cannot")<{
  readonly who: string
  readonly name: string
  readonly cause: unknown
}> {
  override get message(): string {
    return `${this.who} cannot ${this.name}: ${String(this.cause)}`
  }
}

const key = "a-key"
let recorder: Recorder
const seen = new Map<string, { readonly official: ReadonlyArray<Recorded>; readonly ours: ReadonlyArray<Recorded> }>()
const called = new Set<string>()
let methods: ReadonlyArray<string> = []

beforeAll(async () => {
  recorder = await record()
  const sdk = new RunloopSDK({ bearerToken: key, baseURL: recorder.url, maxRetries: 0 })
  methods = noteCalls(sdk.api, called)
  await withOurs({ apiKey: Redacted.make(key), baseUrl: recorder.url }, (ours) =>
    Effect.gen(function* () {
      for (const [name, operation] of Object.entries(operations)) {
        yield* Effect.tryPromise({
          try: async () => operation.official({ sdk, api: sdk.api }),
          catch: (cause) => new Cannot({ who: "the official client", name, cause })
        })
        const official = recorder.take()
        yield* Effect.mapError(operation.ours(ours), (cause) => new Cannot({ who: "ours", name, cause }))
        seen.set(name, { official, ours: recorder.take() })
      }
    })
  )
}, 60_000)

afterAll(() => recorder.close())

const requests = (whose: "official" | "ours") => [...seen.values()].flatMap((both) => both[whose])

describe("the official client and ours", () => {
  it("is the version that the list was made for", () => {
    expect(VERSION).toBe("1.32.0")
  })

  it("are asked for every method of the one and every path of the other", () => {
    expect([...called, ...Object.keys(withoutOperation)].toSorted()).toEqual(methods.toSorted())
    for (const whose of ["official", "ours"] as const) {
      const paths = new Set(requests(whose).map(({ method, path }) => endpointOf(method, path)))
      expect(described.filter((endpoint) => !paths.has(endpoint) && withoutOfficial[endpoint] === undefined)).toEqual(
        []
      )
    }
  })

  it("differ in nothing that is not on the list with a reason", () => {
    const found: Record<string, Array<string>> = {}
    for (const [name, { official, ours }] of seen) {
      if (official.length === 0) throw new Error(`${name}: the official client sent nothing`)
      for (const what of new Set(compare(official, ours))) (found[what] ??= []).push(name)
    }
    const listed = Object.fromEntries(
      differences.map(({ operations, what }) => [what, operations === "all" ? [...seen.keys()] : operations])
    )
    const identical = [...seen.keys()].filter((name) =>
      differences.every(({ operations }) => operations === "all" || !operations.includes(name))
    )
    console.log(
      `    compared ${seen.size} operations, ${requests("official").length} requests of the official client against ${requests("ours").length} of ours, on ${described.length} paths: ` +
        `${identical.length} operations alike; ${differences.length} kinds of difference, each with its reason`
    )
    expect(found).toEqual(listed)
  })

  it("would be told apart by a method, a path, a query, a header, a body or a part of one", () => {
    const plain: Recorded = {
      version: "2.0",
      method: "POST",
      path: "/v1/x",
      query: [["a", "1"]],
      headers: { accept: "application/json", "content-type": "application/json", "x-request-id": "1" },
      body: `{"a":{"b":1}}`
    }
    const parts = (boundary: string, contents: string): Recorded => ({
      ...plain,
      headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
      body: `--${boundary}\r\nContent-Disposition: form-data; name="path"\r\n\r\n${contents}\r\n--${boundary}--\r\n`
    })
    const { "x-request-id": _, ...unkeyed } = plain.headers
    const planted: ReadonlyArray<readonly [Recorded, Recorded, string]> = [
      [plain, { ...plain, method: "PUT" }, "method: POST → PUT"],
      [plain, { ...plain, path: "/v1/y" }, "path: /v1/x → /v1/y"],
      [plain, { ...plain, query: [] }, "query a: 1 → (none)"],
      [plain, { ...plain, headers: unkeyed }, "header x-request-id: <generated> → (none)"],
      [plain, { ...plain, headers: { ...plain.headers, "x-new": "1" } }, "header x-new: (none) → 1"],
      [plain, { ...plain, body: `{"a":{"b":"1"}}` }, `body.a.b: 1 → "1"`],
      [plain, { ...plain, body: "" }, "body.a.b: 1 → (none)"],
      [parts("A", "x"), parts("B", "y"), "part 1 contents: x → y"]
    ]
    for (const [official, ours, what] of planted) expect(compare([official], [ours])).toContain(what)
    expect(compare([plain], [])).toEqual(["further request: POST /v1/x → (none)"])
    const other = {
      ...plain,
      headers: { ...plain.headers, "x-request-id": "2", "user-agent": "x" },
      body: `{ "a": {"b": 1} }`
    }
    expect(compare([plain, parts("A", "x")], [other, parts("B", "x")])).toEqual([])
  })
})
