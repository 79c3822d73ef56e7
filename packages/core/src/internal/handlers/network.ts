/** The endpoints of SSH and tunnels, over any backend. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { DevboxApi } from "../../DevboxApi.ts"
import { DevboxBackend, unsupported } from "../../DevboxBackend.ts"
import { UnexpectedResponseError } from "../../DevboxError.ts"
import { DevboxId } from "../../DevboxModel.ts"
import { PortTunnel, TunnelOptions } from "../../Network.ts"
import { answered, failure, nothing } from "./respond.ts"

/** See above. */
export const networkHandlers = HttpApiBuilder.group(
  DevboxApi,
  "network",
  Effect.fn(function* (handlers) {
    const backend = yield* DevboxBackend
    return handlers.handleAll({
      createSshKey: ({ params }) => answered(backend.createSshKey(DevboxId.make(params.id))),
      createPtyTunnel: () =>
        answered(
          Effect.fail(
            unsupported(backend.name, "createPtyTunnel", "pty", "this server does not offer terminals over tunnels")
          )
        ),
      enableTunnel: ({ params, payload }) =>
        answered(backend.enableTunnel(DevboxId.make(params.id), payload ?? new TunnelOptions({}))),
      removeTunnel: ({ params, payload }) => {
        const id = DevboxId.make(params.id)
        const port = payload?.port
        // Clients before 1.13 name a port; where ports are not told apart, theirs is the tunnel itself.
        const one = port !== undefined && backend.capabilities.features.has("perPortTunnel")
        return answered(Effect.as(one ? backend.removeTunnel(id, { port }) : backend.removeTunnel(id), nothing))
      },
      createTunnel: ({ params, payload }) => {
        const id = DevboxId.make(params.id)
        return answered(
          Effect.gen(function* () {
            const tunnel = backend.capabilities.features.has("perPortTunnel")
              ? yield* backend.enableTunnel(id, new TunnelOptions({ port: payload.port }))
              : ((yield* backend.get(id)).tunnel ?? (yield* backend.enableTunnel(id, new TunnelOptions({}))))
            if (tunnel.urlTemplate === undefined) {
              const detail = `the tunnel of devbox ${id} has no address that is known here`
              return yield* failure("createTunnel", new UnexpectedResponseError({ detail }))
            }
            const { port } = payload
            return new PortTunnel({ devboxId: id, port, url: tunnel.urlTemplate.replace("{port}", String(port)) })
          })
        )
      }
    })
  })
)
