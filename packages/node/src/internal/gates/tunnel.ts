/** Row → tunnel. */
import { Tunnel } from "@effect-devbox/core/Network"
import * as Redacted from "effect/Redacted"
import { portsOf, type TunnelRow } from "../store/tunnels.ts"

/** A tunnel as users see it. */
export const toTunnel = (row: TunnelRow): Tunnel => {
  const ports = portsOf(row)
  return new Tunnel({
    tunnelKey: row.tunnel_key,
    authMode: row.auth_mode,
    createTimeMs: row.create_time_ms,
    httpKeepAlive: row.http_keep_alive === 1,
    wakeOnHttp: row.wake_on_http === 1,
    ...(row.auth_token === null ? {} : { authToken: Redacted.make(row.auth_token) }),
    ...("only" in ports ? { ports: [...ports.only] } : {}),
    ...(row.gateway_port === null
      ? {}
      : { urlTemplate: `http://{port}-${row.tunnel_key}.localhost:${row.gateway_port}` })
  })
}
