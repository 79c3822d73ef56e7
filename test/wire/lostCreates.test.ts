/** Creates whose answers are lost, over the wire in virtual time; `node.test.ts` and `node test/soak/main.ts lost` use sockets. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import { VirtualTime } from "@effect-devbox/core/testing"
import { Effect, Layer } from "effect"
import { HttpClient, HttpClientError } from "effect/http"
import { format, layerLagging, lostCreates, makeFates } from "./lostCreates.ts"
import { apiKey, layerInProcess } from "./support.ts"

const seed = 4

const isCreate = ({ method }: { readonly method: string }, { pathname }: URL) =>
  method === "POST" && pathname === "/v1/devboxes"

/** The way to the handlers, on which creates fare as the fates say. */
const layerLossy = (fates: ReturnType<typeof makeFates>) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      HttpClient.make((request, url) => {
        const lost = Effect.suspend(() =>
          Effect.fail(
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({
                request,
                cause: Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })
              })
            })
          )
        )
        const fate = isCreate(request, url) ? fates.next() : "answered"
        if (fate === "unreached") return lost
        return fate === "lost" ? Effect.andThen(client.execute(request), lost) : client.execute(request)
      })
    )
  )

describe("a create whose answer is lost", () => {
  it.live(
    "leaves no devbox, whether its caller waits or not: 100 runs",
    () =>
      Effect.gen(function* () {
        const fates = makeFates(seed)
        const backend = layerLagging(seed, 20_000)
        const client = RunloopBackend.layer({ apiKey, baseUrl: "http://api.devbox.test", optimisticTimeout: 0 }).pipe(
          Layer.provide(layerLossy(fates)),
          Layer.provide(layerInProcess())
        )
        const report = yield* VirtualTime.run(
          lostCreates({ runs: 100, concurrency: 20, seed, patienceMs: 10_000 }).pipe(
            Effect.provide(DevboxService.layer.pipe(Layer.provide(client), Layer.provideMerge(backend)))
          )
        )
        console.log(`    ${format(report, fates.counts)}`)
        assert.strictEqual(report.left, 0)
        assert.isAtLeast(fates.counts.lost, 60)
        assert.isAtLeast(report.given, 40)
        assert.isAtLeast(report.interrupted, 10)
        // Nothing is reported as possibly left but what never was.
        assert.isAtMost(report.unsure, fates.counts.unreached)
      }),
    120_000
  )
})
