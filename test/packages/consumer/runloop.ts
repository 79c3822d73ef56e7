// The smallest useful program on Runloop: the service over the cloud's backend and the platform's fetch.
import type { ExecResult } from "@effect-devbox/core"
import * as Devbox from "@effect-devbox/core/Devbox"
import { DevboxService } from "@effect-devbox/core/DevboxService"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"

export const run = (apiKey: Redacted.Redacted, command: string): Promise<ExecResult> =>
  Effect.flatMap(Devbox.create(), (devbox) => devbox.cmd.exec(command)).pipe(
    Effect.scoped,
    Effect.provide(
      DevboxService.layer.pipe(Layer.provide(RunloopBackend.layer({ apiKey })), Layer.provide(FetchHttpClient.layer))
    ),
    Effect.runPromise
  )
