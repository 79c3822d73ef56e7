/** SSH keys and tunnels over the wire. */
import * as Effect from "effect/Effect"
import { type Implementation, unsupported } from "../../DevboxBackend.ts"
import type { Facts } from "./facts.ts"
import { asking } from "./lifecycle.ts"
import type { Transport } from "./transport.ts"
import { withAddress, withDoor } from "./tunnelAddress.ts"
import { network as described } from "../api/network.ts"

/** See `DevboxBackend`. */
export const network = (transport: Transport, facts: Facts) => {
  const { call, opaque, peer } = transport
  const api = transport.client(described)
  const perPort = facts.capabilities.features.has("perPortTunnel")
  const refuse = (operation: string, instead: string) =>
    Effect.fail(unsupported(peer.name, operation, "perPortTunnel", `the one tunnel serves every port; ${instead}`))
  return {
    openTerminal: () =>
      Effect.fail(
        unsupported(
          peer.name,
          "pty",
          "pty",
          facts.ours
            ? "the wire carries no terminals; open them where the backend is"
            : "Runloop does not document enough of it; RunloopTerminals has what it does"
        )
      ),
    createSshKey: (id) =>
      Effect.map(call(asking("createSshKey", id), api.createSshKey({ params: { id } })), (key) =>
        withDoor(peer.baseUrl, key)
      ),
    enableTunnel: (id, payload) =>
      payload.port !== undefined && !perPort
        ? refuse("enableTunnel", "enable it without a port")
        : Effect.map(call(asking("enableTunnel", id), api.enableTunnel({ params: { id }, payload })), (tunnel) =>
            withAddress(peer.baseUrl, tunnel)
          ),
    removeTunnel: (id, options) =>
      options?.port !== undefined && !perPort
        ? refuse("removeTunnel", "remove the whole tunnel")
        : opaque(
            asking("removeTunnel", id),
            api.removeTunnel({
              params: { id },
              payload: options?.port === undefined ? null : { port: options.port },
              responseMode: "response-only"
            })
          )
  } satisfies Partial<Implementation>
}
