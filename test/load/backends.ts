/** The backends that loads are put on: this machine's own, and a server of ours in front of it, over sockets. */
import { DevboxService } from "@effect-devbox/core"
import * as RunloopBackend from "@effect-devbox/core/RunloopBackend"
import { LocalBackend } from "@effect-devbox/node"
import * as DevboxServer from "@effect-devbox/node/DevboxServer"
import { layerClient } from "@effect-devbox/node/RunloopNode"
import { Effect, Layer, Redacted } from "effect"

const key = Redacted.make("the-key-of-the-loads")

/** Devboxes of this machine. */
export const local = (stateDir: string) => DevboxService.layer.pipe(Layer.provide(LocalBackend.layer({ stateDir })))

/** The same through a client and a server of ours, in one process. */
export const throughServer = (stateDir: string) => {
  const server = DevboxServer.layer({
    port: 0,
    auth: { keys: { loads: key } },
    stateDir: `${stateDir}/server`,
    onExit: "shutdown"
  }).pipe(Layer.provide(LocalBackend.layer({ stateDir })))
  const client = Layer.unwrap(
    Effect.map(DevboxServer.DevboxServer, ({ url }) =>
      RunloopBackend.layerServer({ apiKey: key, baseUrl: url }).pipe(Layer.provide(layerClient(url)))
    )
  )
  return DevboxService.layer.pipe(Layer.provide(client.pipe(Layer.provide(server))))
}
