/** Tunnels and SSH: one tunnel per devbox, the address of a port made from it. */
import * as Effect from "effect/Effect"
import type { Shape } from "../../DevboxBackend.ts"
import {
  BackendError,
  type BackendReason,
  InvalidRequestError,
  type LookupError,
  type ReadyError,
  UnexpectedResponseError
} from "../../DevboxError.ts"
import type { SshConfigured, TunnelHandle, TunnelInput } from "../../DevboxHandle.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { PortTunnel, type Tunnel, TunnelOptions } from "../../Network.ts"
import * as SshConfig from "../../SshConfig.ts"
import { defined } from "../defined.ts"
import { idempotent, keyed } from "../retry.ts"

const failure = (backend: Shape, operation: string, reason: BackendReason): BackendError =>
  new BackendError({ backend: backend.name, operation, outcome: "rejected", reason })

/** A backend says how a port's URL is made; nobody else can know. */
const withUrl =
  (backend: Shape) =>
  (tunnel: Tunnel): Effect.Effect<TunnelHandle, BackendError> => {
    const template = tunnel.urlTemplate
    if (template === undefined) {
      const detail = "the backend gave a tunnel without its address"
      return Effect.fail(failure(backend, "enableTunnel", new UnexpectedResponseError({ detail })))
    }
    return Effect.succeed(
      Object.assign(Object.create(Object.getPrototypeOf(tunnel) as object) as Tunnel, tunnel, {
        url: (port: number) => template.replace("{port}", String(port))
      })
    )
  }

/** Refuses what is no port before anything is done. */
export const validPort = (backend: Shape, operation: string, port: number): Effect.Effect<void, BackendError> =>
  Number.isInteger(port) && port > 0 && port < 65536
    ? Effect.void
    : Effect.fail(
        failure(
          backend,
          operation,
          new InvalidRequestError({ detail: `${port} is not a port; give a whole number from 1 to 65535` })
        )
      )

/** Opens the tunnel. */
export const enableTunnel = (
  backend: Shape,
  id: DevboxId,
  options: TunnelInput = {}
): Effect.Effect<TunnelHandle, ReadyError> =>
  Effect.flatMap(keyed(backend.enableTunnel(id, new TunnelOptions(defined(options)))), withUrl(backend))

/** The tunnel, when there is one. */
export const getTunnel = (backend: Shape, id: DevboxId): Effect.Effect<TunnelHandle | undefined, LookupError> =>
  Effect.flatMap(idempotent(backend.get(id)), (info) =>
    info.tunnel === undefined ? Effect.undefined : withUrl(backend)(info.tunnel)
  )

/** The tunnel with this port open: by itself where ports are told apart. */
const withPort = (backend: Shape, id: DevboxId, port: number): Effect.Effect<TunnelHandle, ReadyError> =>
  backend.capabilities.features.has("perPortTunnel")
    ? Effect.flatMap(keyed(backend.enableTunnel(id, new TunnelOptions({ port }))), withUrl(backend))
    : Effect.flatMap(getTunnel(backend, id), (tunnel) =>
        tunnel === undefined ? enableTunnel(backend, id) : Effect.succeed(tunnel)
      )

/** Ensures the tunnel and gives the URL of a port. */
export const createTunnel = (backend: Shape, id: DevboxId, port: number): Effect.Effect<PortTunnel, ReadyError> =>
  validPort(backend, "createTunnel", port).pipe(
    Effect.andThen(withPort(backend, id, port)),
    Effect.map((tunnel) => new PortTunnel({ devboxId: id, port, url: tunnel.url(port) }))
  )

/** A new key, and what configures a client for it. */
export const sshConfig = (
  backend: Shape,
  id: DevboxId,
  options: SshConfig.Options
): Effect.Effect<SshConfigured, ReadyError> => {
  const detail = SshConfig.problem(options)
  if (detail !== undefined) return Effect.fail(failure(backend, "sshConfig", new InvalidRequestError({ detail })))
  return Effect.flatMap(keyed(backend.createSshKey(id)), (key) => {
    const odd = SshConfig.keyProblem(key)
    return odd === undefined
      ? Effect.succeed({ key, text: SshConfig.make(key, options) })
      : Effect.fail(failure(backend, "sshConfig", new UnexpectedResponseError({ detail: odd })))
  })
}

/** Ends one port, or the tunnel. */
export const removeTunnel = (backend: Shape, id: DevboxId, port?: number): Effect.Effect<void, ReadyError> =>
  port === undefined
    ? keyed(backend.removeTunnel(id))
    : Effect.andThen(validPort(backend, "removeTunnel", port), keyed(backend.removeTunnel(id, { port })))
