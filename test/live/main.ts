/**
 * `pnpm live`: does every kind of thing once on the service that `RUNLOOP_API_KEY` (and `RUNLOOP_BASE_URL`) say, says what it did,
 * and removes what it made. It costs real devboxes, so it runs only when a person starts it with a key. That something works on
 * Runloop's cloud may be said only of what this printed there.
 */
import { Blueprints } from "@effect-devbox/core/Blueprints"
import { BackendError } from "@effect-devbox/core/DevboxError"
import * as DevboxLeaks from "@effect-devbox/core/DevboxLeaks"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import { NetworkPolicies } from "@effect-devbox/core/NetworkPolicies"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import * as RunloopResources from "@effect-devbox/core/RunloopResources"
import { Secrets } from "@effect-devbox/core/Secrets"
import { StorageObjects } from "@effect-devbox/core/StorageObjects"
import * as RunloopNode from "@effect-devbox/node/RunloopNode"
import { Cause, Effect, Exit, Layer, Redacted } from "effect"
import { checks, type Services } from "./checks.ts"

const key = process.env["RUNLOOP_API_KEY"]?.trim() ?? ""
const baseUrl = process.env["RUNLOOP_BASE_URL"]?.trim() || RunloopBackend.defaultBaseUrl

const layer: Layer.Layer<Services> = Layer.suspend(() => {
  const options = { apiKey: Redacted.make(key), baseUrl }
  return Layer.mergeAll(
    DevboxService.layer,
    Blueprints.layer,
    StorageObjects.layer,
    Secrets.layer,
    NetworkPolicies.layer
  ).pipe(
    Layer.provide(Layer.mergeAll(RunloopBackend.layer(options), RunloopResources.layer(options))),
    Layer.provide(RunloopNode.layerClient(baseUrl))
  )
})

const isNotOffered = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some(
    (reason) =>
      reason._tag === "Fail" && reason.error instanceof BackendError && reason.error.reason._tag === "UnsupportedError"
  )

const run = Effect.gen(function* () {
  const tag = new Date().toISOString().replaceAll(/\D/g, "")
  const counts = { ok: 0, failed: 0, notOffered: 0 }
  const service = yield* DevboxService
  console.log(
    `${baseUrl}, ${baseUrl === RunloopBackend.defaultBaseUrl ? "Runloop's cloud" : "not Runloop's cloud"}, run ${tag}`
  )
  const { leaks } = yield* DevboxLeaks.collect(
    Effect.scoped(
      Effect.gen(function* () {
        const begun = performance.now()
        const devbox = yield* service.create({
          name: "live",
          metadata: { "live-run": tag },
          keepAliveTime: "30 minutes"
        })
        console.log(
          `ok           ${((performance.now() - begun) / 1000).toFixed(1)} s  devbox ${devbox.id} was created and runs`
        )
        for (const [name, check] of Object.entries(checks)) {
          const from = performance.now()
          const exit = yield* Effect.exit(Effect.timeout(Effect.scoped(check(devbox, tag)), "5 minutes"))
          const seconds = `${((performance.now() - from) / 1000).toFixed(1)} s`
          if (Exit.isSuccess(exit)) {
            counts.ok += 1
            console.log(`ok           ${seconds}  ${name}`)
          } else if (isNotOffered(exit.cause)) {
            counts.notOffered += 1
            console.log(`not offered  ${seconds}  ${name}`)
          } else {
            counts.failed += 1
            console.log(`FAILED       ${seconds}  ${name}: ${Cause.pretty(exit.cause)}`)
          }
        }
      })
    )
  )
  for (const leak of leaks) console.log(`LEFT         ${DevboxLeaks.format(leak)}`)
  console.log(`${counts.ok} ok, ${counts.failed} failed, ${counts.notOffered} not offered, ${leaks.length} left behind`)
  return counts.failed + leaks.length === 0
})

if (key === "") {
  console.error(
    "pnpm live needs RUNLOOP_API_KEY: it creates real devboxes on the service of that key. Nothing was done."
  )
  process.exitCode = 2
} else {
  const exit = await Effect.runPromiseExit(Effect.provide(run, layer))
  if (Exit.isFailure(exit)) console.log(`FAILED  ${Cause.pretty(exit.cause)}`)
  process.exitCode = Exit.isSuccess(exit) && exit.value ? 0 : 1
}
