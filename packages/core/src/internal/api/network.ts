/** The endpoints of SSH, tunnels of both generations, and terminals (PROTOCOL P8). */
import * as Schema from "effect/Schema"
import { PortTunnelJson, SshKeyJson, TunnelJson, TunnelOptions } from "../../Network.ts"
import { nullish, snakeCase } from "../snakeCase.ts"
import { byId, Opaque } from "./common.ts"
import type { Describe } from "./describe.ts"

const Port = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 65_535 })))

/** A port of a devbox. */
export const PortRequest = Schema.Struct({ port: Port })

/** Which port to remove; without one, the tunnel. Old clients always name one, new clients never do. */
export const RemoveTunnel = Schema.Struct({ port: nullish(Port) })

/** The tunnel of a terminal. */
export const PtyTunnel = snakeCase(
  Schema.Struct({ tunnelKey: Schema.String, authToken: Schema.RedactedFromValue(Schema.String) })
)

/** The endpoints. */
export const network = ({ failures, post }: Describe) => {
  return [
    post("createSshKey", "/v1/devboxes/:id/create_ssh_key", {
      params: byId,
      success: SshKeyJson,
      error: failures
    }),
    post("createPtyTunnel", "/v1/devboxes/:id/create_pty_tunnel", {
      params: byId,
      success: PtyTunnel,
      error: failures
    }),
    post("enableTunnel", "/v1/devboxes/:id/enable_tunnel", {
      params: byId,
      payload: [snakeCase(TunnelOptions), Schema.Null],
      success: TunnelJson,
      error: failures
    }),
    post("removeTunnel", "/v1/devboxes/:id/remove_tunnel", {
      params: byId,
      payload: [RemoveTunnel, Schema.Null],
      success: Opaque,
      error: failures
    }),
    post("createTunnel", "/v1/devboxes/:id/create_tunnel", {
      params: byId,
      payload: PortRequest,
      success: PortTunnelJson,
      error: failures
    })
  ] as const
}
