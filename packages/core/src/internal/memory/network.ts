/** The network of a devbox in memory: a tunnel that is only an address, and connections to programs that listen inside. */
import * as Effect from "effect/Effect"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Connection } from "../../DevboxBackend.ts"
import { type ReadyError, TransportError } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { SshKey, Tunnel, type TunnelOptions } from "../../Network.ts"
import * as TunnelPorts from "../../TunnelPorts.ts"
import { defined } from "../defined.ts"
import { touch } from "./devbox.ts"
import { absent, boxThatIs, rejected } from "./errors.ts"
import * as Input from "./input.ts"
import type { Box, World } from "./state.ts"

/** Opens the tunnel, or gives the open one the options. */
export const openTunnel = (world: World, box: Box, options: TunnelOptions): Tunnel => {
  const number = world.next()
  const tunnelKey = box.tunnel?.tunnelKey ?? `tun-${String(number).padStart(6, "0")}`
  const stays = options.port === undefined ? undefined : box.tunnel
  const authMode = options.authMode ?? stays?.authMode ?? "open"
  const ports = TunnelPorts.open(box.tunnelPorts, options.port)
  const tunnel = new Tunnel({
    tunnelKey,
    authMode,
    createTimeMs: box.tunnel?.createTimeMs ?? world.now(),
    httpKeepAlive: options.httpKeepAlive ?? stays?.httpKeepAlive ?? true,
    wakeOnHttp:
      box.params.launchParameters?.lifecycle?.resumeTriggers?.http ?? options.wakeOnHttp ?? stays?.wakeOnHttp ?? false,
    urlTemplate: `https://{port}-${tunnelKey}.tunnel.memory.invalid`,
    ...defined({
      ports: "only" in ports ? ports.only : undefined,
      authToken: authMode === "authenticated" ? (box.tunnel?.authToken ?? Redacted.make(`token-${number}`)) : undefined
    })
  })
  box.tunnel = tunnel
  box.tunnelPorts = ports
  box.changed.notify()
  return tunnel
}

/** What a backend that does not tell ports apart says of one. */
export const notOnePort = (world: World, operation: string) =>
  Effect.fail(absent(world, operation, "perPortTunnel", "do it with the whole tunnel"))

/** See `DevboxBackend`. */
export const enableTunnel = (world: World, id: DevboxId, options: TunnelOptions) =>
  Effect.map(boxThatIs(world, id, "running"), (box) => openTunnel(world, box, options))

/** See `DevboxBackend`. */
export const removeTunnel = (world: World, id: DevboxId, options: { readonly port?: number | undefined } = {}) =>
  Effect.flatMap(boxThatIs(world, id, "running"), (box): Effect.Effect<void, ReadyError> => {
    box.tunnelPorts = box.tunnelPorts === undefined ? undefined : TunnelPorts.close(box.tunnelPorts, options.port)
    const ports = box.tunnelPorts
    if (ports === undefined) box.tunnel = undefined
    else if (box.tunnel !== undefined && "only" in ports) box.tunnel = new Tunnel({ ...box.tunnel, ports: ports.only })
    return Effect.void
  })

/** A key that opens nothing, for a host that does not exist: what programs do with one can be tested all the same. */
export const createSshKey = (world: World, id: DevboxId): Effect.Effect<SshKey, ReadyError> =>
  Effect.map(boxThatIs(world, id, "running"), (box) => {
    const host = `${box.number}.ssh.memory.invalid`
    touch(world, box)
    return new SshKey({
      id,
      sshPrivateKey: Redacted.make(`a key of the memory backend, number ${world.next()}\n`),
      sshUser: "user",
      url: host,
      host,
      port: 22,
      knownHosts: `${host} ssh-ed25519 memory-${box.number}`
    })
  })

const refused = (world: World, operation: string, id: DevboxId, port: number) => {
  const detail = `connection refused: nothing listens on port ${port} in devbox ${id}`
  return Effect.fail(rejected(world, operation, new TransportError({ detail })))
}

/** See `DevboxBackend`. */
export const fetch = (
  world: World,
  id: DevboxId,
  port: number,
  request: HttpClientRequest
): Effect.Effect<HttpClientResponse, ReadyError> =>
  Effect.flatMap(boxThatIs(world, id, "running"), (box): Effect.Effect<HttpClientResponse, ReadyError> => {
    touch(world, box)
    return world.settings.sites[port]?.(request) ?? refused(world, "fetch", id, port)
  })

/** See `DevboxBackend`. */
export const dial = (world: World, id: DevboxId, port: number): Effect.Effect<Connection, ReadyError, Scope.Scope> =>
  Effect.flatMap(boxThatIs(world, id, "running"), (box) => {
    const server = box.listeners.get(port) ?? world.settings.servers[port]
    if (server === undefined) {
      return refused(world, "dial", id, port)
    }
    touch(world, box)
    const towards = Input.make(false)
    const back = Input.make(false)
    const close = Effect.sync(towards.end)
    const stopped = box.changed.until(() => (box.status === "running" ? undefined : true))
    // A server serves whether or not somebody reads what it says.
    world.fork(
      Stream.interruptWhen(server(towards.read), stopped).pipe(
        Stream.runForEach((bytes) => Effect.sync(() => back.write(bytes))),
        Effect.ensuring(Effect.sync(back.end))
      )
    )
    const connection: Connection = {
      readable: back.read,
      writable: Sink.ensuring(
        Sink.forEach((bytes: Uint8Array) => Effect.sync(() => towards.write(bytes))),
        close
      )
    }
    return Effect.as(
      Effect.addFinalizer(() => close),
      connection
    )
  })
