/**
 * Tunnels and SSH keys as data. Secrets are `Redacted` from the moment they are decoded. The source of every field is
 * PROTOCOL P8.
 */
import * as Schema from "effect/Schema"
import { nullish, openEnum, snakeCase } from "./internal/snakeCase.ts"

const Secret = Schema.RedactedFromValue(Schema.String)

/** Who may use a tunnel: anybody who knows its address, or who also has its token. */
export const AuthMode = openEnum(["open", "authenticated"], { public_: "open", public: "open" })
export type AuthMode = typeof AuthMode.Type

/**
 * How a tunnel is to be: open by default, HTTP traffic counts as activity, requests do not wake the devbox. `port` is ours: it
 * adds one port to those that the tunnel leads to, and leaves as it is what is not said; without it the tunnel leads to all.
 */
export class TunnelOptions extends Schema.Class<TunnelOptions>("effect-devbox/TunnelOptions")({
  authMode: nullish(Schema.Literals(["open", "authenticated"])),
  httpKeepAlive: nullish(Schema.Boolean),
  wakeOnHttp: nullish(Schema.Boolean),
  port: nullish(Schema.Int)
}) {}

/**
 * The one tunnel of a devbox; its key serves every port. Ours are `urlTemplate`, a port's URL with `{port}` in it, and `ports`,
 * those that it leads to when they are not all.
 */
export class Tunnel extends Schema.Class<Tunnel>("effect-devbox/Tunnel")({
  tunnelKey: Schema.String,
  authMode: AuthMode,
  createTimeMs: Schema.Int,
  httpKeepAlive: Schema.Boolean,
  wakeOnHttp: Schema.Boolean,
  authToken: nullish(Secret),
  urlTemplate: nullish(Schema.String),
  ports: nullish(Schema.Array(Schema.Int))
}) {}

/** The JSON form of {@link Tunnel}. */
export const TunnelJson = snakeCase(Tunnel)

/** A tunnel as seen for one port. */
export class PortTunnel extends Schema.Class<PortTunnel>("effect-devbox/PortTunnel")({
  devboxId: Schema.String,
  port: Schema.Int,
  url: Schema.String
}) {}

/** The JSON form of {@link PortTunnel}. */
export const PortTunnelJson = snakeCase(PortTunnel)

/** What an OpenSSH client needs to log in. The fields below `url` are ours. */
export class SshKey extends Schema.Class<SshKey>("effect-devbox/SshKey")({
  /** The devbox's id. */
  id: Schema.String,
  sshPrivateKey: Secret,
  sshUser: Schema.String,
  url: Schema.String,
  host: nullish(Schema.String),
  port: nullish(Schema.Int),
  proxyCommand: nullish(Schema.String),
  knownHosts: nullish(Schema.String)
}) {}

/** The JSON form of {@link SshKey}. */
export const SshKeyJson = snakeCase(SshKey)
