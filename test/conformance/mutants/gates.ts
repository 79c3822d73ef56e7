/** Mutants of the tunnel and of SSH. */
import { BackendError, TransportError } from "@effect-devbox/core/DevboxError"
import { SshKey, Tunnel, TunnelOptions } from "@effect-devbox/core/Network"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { broken, creates, type Mutant } from "./mutant.ts"

/** See above. */
export const gates: ReadonlyArray<Mutant> = [
  broken("tunnel-is-one", "makes a new one each time", (b) => ({
    enableTunnel: (id, options) => Effect.andThen(b.removeTunnel(id), b.enableTunnel(id, options))
  })),
  broken("tunnel-is-one", "ignores the options", (b) => ({
    enableTunnel: (id) => b.enableTunnel(id, new TunnelOptions({}))
  })),
  broken("tunnel-is-one", "has no token", (b) => ({
    enableTunnel: (id, options) =>
      Effect.map(b.enableTunnel(id, options), ({ authToken: _token, ...tunnel }) => new Tunnel(tunnel))
  })),
  broken("tunnel-removed", "wants one to remove", (b) => ({
    removeTunnel: (id, options) =>
      Effect.flatMap(b.get(id), ({ tunnel }) =>
        tunnel === undefined
          ? Effect.fail(
              new BackendError({
                backend: "mutant",
                operation: "removeTunnel",
                outcome: "rejected",
                reason: new TransportError({ detail: "there is no tunnel" })
              })
            )
          : b.removeTunnel(id, options)
      )
  })),
  broken("tunnel-removed", "leaves it", () => ({ removeTunnel: () => Effect.void })),
  broken("tunnel-from-create", "forgets it", (b) => creates(b, () => ({ tunnel: undefined }))),
  broken("tunnel-from-create", "gives another token each time", (b) => ({
    enableTunnel: (id, options) =>
      Effect.map(b.enableTunnel(id, options), (tunnel) => new Tunnel({ ...tunnel, authToken: Redacted.make("new") }))
  })),
  broken("tunnel-from-create", "wakes nobody", (b) =>
    creates(b, ({ tunnel }) => ({ tunnel: new TunnelOptions({ ...tunnel, wakeOnHttp: false }) }))
  ),
  broken("tunnel-by-port", "forgets the port before", (b) => ({
    enableTunnel: (id, options) =>
      Effect.andThen(options.port === undefined ? Effect.void : b.removeTunnel(id), b.enableTunnel(id, options))
  })),
  broken("tunnel-by-port", "opens every port", (b) => ({
    enableTunnel: (id, { port: _port, ...options }) => b.enableTunnel(id, new TunnelOptions(options))
  })),
  broken("tunnel-by-port", "closes them all", (b) => ({ removeTunnel: (id) => b.removeTunnel(id) })),
  broken("tunnel-by-port", "stays without a port", (b) => ({
    removeTunnel: (id, options) =>
      Effect.flatMap(b.get(id), ({ tunnel }) =>
        tunnel?.ports?.length === 1 ? Effect.void : b.removeTunnel(id, options)
      )
  })),
  broken("tunnel-by-port-keeps", "takes what is not said for the default", (b) => ({
    enableTunnel: (id, options) => b.enableTunnel(id, new TunnelOptions({ authMode: "open", ...options }))
  })),
  broken("tunnel-by-port-keeps", "never leads to all", (b) => ({
    enableTunnel: (id, options) => b.enableTunnel(id, new TunnelOptions({ port: 1, ...options }))
  })),
  broken("ssh-key-is-new", "gives the first again", (b) => {
    let first: SshKey | undefined
    return { createSshKey: (id) => Effect.map(b.createSshKey(id), (key) => (first ??= key)) }
  }),
  broken("ssh-key-is-new", "moves", (b) => {
    let moved = 0
    return { createSshKey: (id) => Effect.map(b.createSshKey(id), (key) => new SshKey({ ...key, port: ++moved })) }
  }),
  broken("ssh-hosts-apart", "is one host for all", (b) => ({
    createSshKey: (id) =>
      Effect.map(
        b.createSshKey(id),
        ({ id: of, sshPrivateKey, sshUser }) => new SshKey({ id: of, sshPrivateKey, sshUser, url: "everywhere" })
      )
  }))
]
