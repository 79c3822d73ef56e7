/** What an operator sees of the requests, and what nobody may see in it. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import type { CreateOptions } from "@effect-devbox/core/DevboxHandle"
import { DevboxId } from "@effect-devbox/core/DevboxModel"
import { layer as memory } from "@effect-devbox/core/MemoryBackend"
import * as RunloopResources from "@effect-devbox/core/RunloopResources"
import { Secrets } from "@effect-devbox/core/Secrets"
import { StorageObjects } from "@effect-devbox/core/StorageObjects"
import { Cause, Effect, Exit, Layer, Metric, Redacted, Tracer } from "effect"
import { HttpClient } from "effect/http"
import { canned, cannedClient, view } from "./canned.ts"
import { overTheWire } from "./support.ts"

const recording = () => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  // What an exporter sends: names, attributes, and why a span failed.
  const why = ({ status }: Tracer.Span) =>
    status._tag === "Ended" && Exit.isFailure(status.exit) ? Cause.pretty(status.exit.cause) : ""
  const text = () => JSON.stringify(spans.map((span) => [span.name, [...span.attributes], why(span)]))
  return { spans, text, tracer }
}

describe("an operation over the wire", () => {
  it.effect("is a span with the ids it is about, above the request", () => {
    const { spans, text, tracer } = recording()
    return Effect.gen(function* () {
      const devbox = yield* DevboxService.use((devboxes) => devboxes.create())
      yield* devbox.cmd.exec("echo hello")
      const exec = spans.find(({ name }) => name === "DevboxService.exec")
      assert.strictEqual(exec?.attributes.get("devbox.id"), devbox.id)
      assert.isTrue(spans.some((span) => span.kind === "client" && span.parent._tag === "Some"))
      assert.notInclude(text(), "test-key-of-the-wire")
    }).pipe(
      Effect.scoped,
      Effect.provide(DevboxService.layer.pipe(Layer.provide(overTheWire(memory(), "ours")))),
      Effect.withTracer(tracer)
    )
  })

  it.effect("is counted and timed by what came of it", () =>
    Effect.gen(function* () {
      const service = yield* DevboxService
      yield* Effect.scoped(service.create())
      yield* Effect.flip(service.getInfo(DevboxId.make("dbx_nobody")))
      const metrics = yield* Metric.snapshot
      const counted = metrics.filter(({ id }) => id === "effect_devbox_requests")
      const outcomes = counted.map(({ attributes }) => `${attributes?.["operation"]} ${attributes?.["outcome"]}`)
      assert.includeMembers(outcomes, ["create ok", "get ResourceNotFound", "shutdown ok"])
      assert.isTrue(metrics.some(({ id }) => id === "effect_devbox_request_seconds"))
    }).pipe(Effect.provide(DevboxService.layer.pipe(Layer.provide(overTheWire(memory(), "ours")))))
  )
})

describe("the trace of a creation", () => {
  const created = (options: CreateOptions) => {
    const { spans, tracer } = recording()
    const { asked, layer } = canned(({ path }) => ({
      body: view({ status: path.endsWith("/shutdown") ? "shutdown" : "running" })
    }))
    return Effect.gen(function* () {
      yield* Effect.scoped(DevboxService.use((devboxes) => devboxes.create(options)))
      const body = JSON.parse(asked[0]!.body) as { readonly environment_variables?: Record<string, string> }
      return {
        environment: body.environment_variables,
        span: spans.find(({ name }) => name === "DevboxService.create")!
      }
    }).pipe(Effect.provide(DevboxService.layer.pipe(Layer.provide(layer))), Effect.withTracer(tracer))
  }

  it.effect("is in the devbox's environment when that is asked for, beside what else is", () =>
    Effect.gen(function* () {
      const { environment, span } = yield* created({ propagateTrace: true, env: { A: "1" } })
      assert.deepStrictEqual(environment, { TRACEPARENT: `00-${span.traceId}-${span.spanId}-01`, A: "1" })
    })
  )

  it.effect("is not there when nobody asks", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* created({})).environment)
    })
  )
})

it.effect("no secret and no address that is a permission is in any span", () => {
  const { spans, text, tracer } = recording()
  const { client } = cannedClient(({ method, path }) =>
    method === "PUT"
      ? { body: "" }
      : path.startsWith("/v1/objects")
        ? {
            body: {
              id: "obj_1",
              name: "o",
              content_type: "text",
              state: "UPLOADING",
              create_time_ms: 1,
              upload_url: "http://storage.test/put?X-Signature=s1gnature"
            }
          }
        : { body: { id: "sec_1", name: "A", create_time_ms: 1, update_time_ms: 1 } }
  )
  const stores = RunloopResources.layer({ apiKey: Redacted.make("k3y"), baseUrl: "http://api.devbox.test" }).pipe(
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
  )
  return Effect.gen(function* () {
    yield* Secrets.use((secrets) => secrets.create("A", Redacted.make("v4lue")))
    yield* StorageObjects.use((objects) => objects.upload("x", { name: "o" }))
    assert.isAbove(spans.length, 3)
    for (const word of ["k3y", "v4lue", "s1gnature"]) assert.notInclude(text(), word)
  }).pipe(
    Effect.provide(Layer.mergeAll(Secrets.layer, StorageObjects.layer).pipe(Layer.provide(stores))),
    Effect.withTracer(tracer)
  )
})
