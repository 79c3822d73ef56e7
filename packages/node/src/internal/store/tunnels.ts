/** The rows of tunnels. Each is read anew for every request, so what is written holds at once. */
import * as TunnelPorts from "@effect-devbox/core/TunnelPorts"
import type { Database } from "./database.ts"

/** A tunnel; `ports` is the JSON of `TunnelPorts`. */
export interface TunnelRow {
  readonly devbox_id: string
  readonly tunnel_key: string
  readonly auth_mode: "open" | "authenticated"
  readonly auth_token: string | null
  readonly http_keep_alive: 0 | 1
  readonly wake_on_http: 0 | 1
  readonly ports: string
  readonly create_time_ms: number
  readonly gateway_port: number | null
}

/** Whether a tunnel leads to a port. */
export const leadsTo = (row: Pick<TunnelRow, "ports">, port: number): boolean =>
  TunnelPorts.includes(portsOf(row), port)

/** The ports that a tunnel leads to. */
export const portsOf = (row: Pick<TunnelRow, "ports">): TunnelPorts.TunnelPorts =>
  JSON.parse(row.ports) as TunnelPorts.TunnelPorts

/** The tunnel of a devbox. */
export const getTunnel = (db: Database, id: string): TunnelRow | undefined =>
  db.first("select * from tunnels where devbox_id = ?", id)

/** The tunnel with a key. */
export const tunnelByKey = (db: Database, key: string): TunnelRow | undefined =>
  db.first("select * from tunnels where tunnel_key = ?", key)

/** Writes a tunnel down, in place of the one the devbox had. */
export const putTunnel = (db: Database, tunnel: Omit<TunnelRow, "gateway_port">): void => {
  const { devbox_id, tunnel_key, auth_mode, auth_token, http_keep_alive, wake_on_http, ports, create_time_ms } = tunnel
  db.statement(
    `insert into tunnels (devbox_id, tunnel_key, auth_mode, auth_token, http_keep_alive, wake_on_http, ports, create_time_ms)
     values (:devbox_id, :tunnel_key, :auth_mode, :auth_token, :http_keep_alive, :wake_on_http, :ports, :create_time_ms)
     on conflict (devbox_id) do update set auth_mode = :auth_mode, auth_token = :auth_token,
       http_keep_alive = :http_keep_alive, wake_on_http = :wake_on_http, ports = :ports`
  ).run({ devbox_id, tunnel_key, auth_mode, auth_token, http_keep_alive, wake_on_http, ports, create_time_ms })
}

/** Removes a tunnel. */
export const deleteTunnel = (db: Database, id: string): void => {
  db.statement("delete from tunnels where devbox_id = ?").run(id)
}

/** Writes down where a tunnel is served. */
export const setGatewayPort = (db: Database, id: string, port: number): void => {
  db.statement("update tunnels set gateway_port = ?1 where devbox_id = ?2 and gateway_port is not ?1").run(port, id)
}

/** A devbox that can be reached from outside: over SSH, or through a tunnel. */
export interface GatedRow {
  readonly id: string
  readonly status: string
  readonly ssh: 0 | 1
  readonly tunnel_key: string | null
  readonly gateway_port: number | null
  readonly ports: string | null
  readonly wake_on_http: 0 | 1 | null
}

/** The detached devboxes that can be reached from outside. What has ended has no rows any more. */
export const gatedDevboxes = (db: Database): ReadonlyArray<GatedRow> =>
  db.all(
    `select d.id, d.status, h.devbox_id is not null as ssh, t.tunnel_key, t.gateway_port, t.ports,
       t.wake_on_http
     from devboxes d left join ssh_hosts h on h.devbox_id = d.id left join tunnels t on t.devbox_id = d.id
     where d.detached = 1 and (h.devbox_id is not null or t.devbox_id is not null) order by d.id`
  )
