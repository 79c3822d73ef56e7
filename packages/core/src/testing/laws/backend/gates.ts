/** Laws of the ways in from outside: the tunnel and SSH, as data. That they lead inside is for tests with real clients. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type SshKey, TunnelOptions } from "../../../Network.ts"
import { running } from "../boxes.ts"
import { equal, eventually, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

/** Where a key leads, without the key. */
const door = ({ host, knownHosts, port, proxyCommand, sshUser, url }: SshKey) =>
  JSON.stringify([sshUser, url, host, port, proxyCommand, knownHosts])

/** See above. */
export const gates: ReadonlyArray<BackendLaw> = [
  law(
    "tunnel-is-one",
    "A devbox has one tunnel: enabling it again gives the same, with the options now in force.",
    ["tunnel"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* holds("a new devbox has none", (yield* backend.get(id)).tunnel === undefined)
      const first = yield* succeeds("it can be enabled", backend.enableTunnel(id, new TunnelOptions({})))
      yield* equal("it is open unless asked otherwise", first.authMode, "open")
      const info = yield* eventually("the devbox shows it", backend.get(id), ({ tunnel }) => tunnel !== undefined)
      yield* equal("by its key", info.tunnel?.tunnelKey, first.tunnelKey)
      const second = yield* succeeds(
        "enabling again succeeds",
        backend.enableTunnel(id, new TunnelOptions({ authMode: "authenticated" }))
      )
      yield* equal("the key is the same", second.tunnelKey, first.tunnelKey)
      yield* equal("the options are the new ones", second.authMode, "authenticated")
      yield* holds("an authenticated tunnel has a token", second.authToken !== undefined)
    })
  ),
  law(
    "tunnel-removed",
    "Removing the tunnel removes it, and without a tunnel does nothing.",
    ["tunnel"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* succeeds("without a tunnel removing succeeds", backend.removeTunnel(id))
      yield* backend.enableTunnel(id, new TunnelOptions({}))
      yield* succeeds("with one, too", backend.removeTunnel(id))
      yield* eventually("the devbox has none any more", backend.get(id), ({ tunnel }) => tunnel === undefined)
    })
  ),
  law(
    "tunnel-from-create",
    "A create that asks for a tunnel gives a devbox that has it, as it was asked for.",
    ["tunnel"],
    Effect.gen(function* () {
      const tunnel = new TunnelOptions({ authMode: "authenticated", httpKeepAlive: false, wakeOnHttp: true })
      const { backend, id } = yield* running({ tunnel })
      const has = (yield* backend.get(id)).tunnel
      yield* equal("its mode", has?.authMode, "authenticated")
      yield* equal("whether traffic keeps it alive", has?.httpKeepAlive, false)
      yield* equal("whether a request wakes it", has?.wakeOnHttp, true)
      const again = yield* backend.enableTunnel(id, tunnel)
      yield* equal("it is the one that enabling gives", has?.tunnelKey, again.tunnelKey)
      const token = (one: typeof has) => (one?.authToken === undefined ? "none" : Redacted.value(one.authToken))
      yield* equal("with the token that it had", token(again), token(has))
    })
  ),
  law(
    "tunnel-by-port",
    "Ports that were opened one by one are closed one by one, and the last takes the tunnel along.",
    ["tunnel", "perPortTunnel"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      const open = (port: number) =>
        succeeds(`port ${port} can be opened`, backend.enableTunnel(id, new TunnelOptions({ port })))
      const first = yield* open(8081)
      const second = yield* open(8080)
      yield* equal("both are of one tunnel", second.tunnelKey, first.tunnelKey)
      yield* equal("which leads to them", second.ports, [8080, 8081])
      yield* succeeds("one can be closed", backend.removeTunnel(id, { port: 8081 }))
      yield* equal("the other stays", (yield* backend.get(id)).tunnel?.ports, [8080])
      yield* succeeds("and can be closed, too", backend.removeTunnel(id, { port: 8080 }))
      yield* equal("then there is no tunnel", (yield* backend.get(id)).tunnel, undefined)
    })
  ),
  law(
    "tunnel-by-port-keeps",
    "Opening one port changes nothing else of a tunnel, and without a port a tunnel leads to all.",
    ["tunnel", "perPortTunnel"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* backend.enableTunnel(id, new TunnelOptions({ port: 8080, authMode: "authenticated", wakeOnHttp: true }))
      const one = yield* backend.enableTunnel(id, new TunnelOptions({ port: 8081 }))
      yield* equal("the mode stays", one.authMode, "authenticated")
      yield* equal("waking stays", one.wakeOnHttp, true)
      const all = yield* backend.enableTunnel(id, new TunnelOptions({}))
      yield* equal("all are open", all.ports, undefined)
      yield* equal(
        "and stay so with one more",
        (yield* backend.enableTunnel(id, new TunnelOptions({ port: 1 }))).ports,
        undefined
      )
    })
  ),
  law(
    "ssh-key-is-new",
    "Every SSH key is new; the host that keys of one devbox lead to stays the same.",
    ["ssh"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      const one = yield* succeeds("there is a key", backend.createSshKey(id))
      const two = yield* succeeds("and another", backend.createSshKey(id))
      yield* equal("of this devbox", [one.id, two.id], [id, id])
      yield* holds(
        "they differ",
        Redacted.value(one.sshPrivateKey) !== Redacted.value(two.sshPrivateKey),
        "both are the same key"
      )
      yield* equal("they lead to one host", door(two), door(one))
    })
  ),
  law(
    "ssh-hosts-apart",
    "The SSH keys of two devboxes lead to two hosts.",
    ["ssh"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      const other = yield* running()
      const [one, two] = [yield* backend.createSshKey(id), yield* backend.createSshKey(other.id)]
      yield* holds("the hosts differ", door(one) !== door(two), door(one))
    })
  )
]
