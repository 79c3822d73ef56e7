/** A devbox on Runloop, from create to shutdown, over the platform's `fetch`. */
import * as Devbox from "@effect-devbox/core/Devbox"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"

export const main = (options: { readonly apiKey: Redacted.Redacted; readonly baseUrl: string }): Promise<string> =>
  Effect.gen(function* () {
    const devbox = yield* Devbox.create({ name: "bundle" })
    const result = yield* devbox.cmd.exec("echo hello")
    return result.stdout
  }).pipe(
    Effect.scoped,
    Effect.provide(
      DevboxService.layer.pipe(Layer.provide(RunloopBackend.layer(options)), Layer.provide(FetchHttpClient.layer))
    ),
    Effect.runPromise
  )
