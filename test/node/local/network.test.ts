/** Networks of devboxes of this machine as users ask for them: the default, policies and their changes, and what is refused. */
import { assert, describe, it } from "@effect/vitest"
import { Devbox, DevboxBackend, DevboxService } from "@effect-devbox/core"
import { CreateParams, LaunchParameters, type NetworkMode } from "@effect-devbox/core/DevboxModel"
import type { BackendError } from "@effect-devbox/core/DevboxError"
import type { Devbox as Handle } from "@effect-devbox/core/DevboxHandle"
import { NetworkPolicies, type NetworkPolicyParams } from "@effect-devbox/core/NetworkPolicies"
import { DevboxServer, LocalBackend, LocalNetworkPolicies } from "@effect-devbox/node"
import { Effect, Layer, Redacted, Stream } from "effect"
import * as path from "node:path"
import { inLocal, leftovers, stateDir } from "./fixtures.ts"

const withPolicies = (dir: string) =>
  Effect.provide(NetworkPolicies.layer.pipe(Layer.provide(LocalNetworkPolicies.layer({ stateDir: dir }))))

const obeying = (networkPolicyId: string) => ({ launchParameters: new LaunchParameters({ networkPolicyId }) })

/** The proxy's verdict about a name that nobody has: 403 when it may not be asked for, 502 when it was looked up in vain. */
const verdict = (devbox: Handle, name: string) =>
  Effect.map(
    devbox.cmd.exec(["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", `http://${name}/`]),
    ({ stdout }) => Number(stdout)
  )

describe("the network of devboxes on the local backend", () => {
  it.live(
    "is the proxy's for those who do not say, scoped or detached, from the first command on",
    () =>
      inLocal(() =>
        Effect.gen(function* () {
          for (const make of [Devbox.create(), Devbox.createDetached()]) {
            const devbox = yield* make
            assert.strictEqual(yield* verdict(devbox, "127.0.0.1.nip.invalid"), 502)
            assert.strictEqual((yield* devbox.getInfo).network, "proxy")
            // Node tunnels all that it fetches.
            const node = `node -e 'fetch("http://10.0.0.1/").catch((error) => console.log(error.cause.cause.message))'`
            assert.include((yield* devbox.cmd.exec(node)).stdout, "403")
            yield* devbox.close
          }
        })
      ),
    60_000
  )

  it.live("is what the layer says for those who do not say", () =>
    inLocal(
      () =>
        Effect.gen(function* () {
          const devbox = yield* Devbox.create()
          assert.strictEqual((yield* devbox.getInfo).network, "none")
          assert.strictEqual((yield* devbox.cmd.exec("env | grep -i proxy")).stdout, "")
          assert.strictEqual(yield* verdict(devbox, "example.invalid"), 0)
        }),
      { network: "none" }
    )
  )

  it.live(
    "is there again after a snapshot and after a suspension, scoped or detached",
    () =>
      inLocal(() =>
        Effect.gen(function* () {
          for (const make of [Devbox.create(), Devbox.createDetached()]) {
            const devbox = yield* make
            assert.strictEqual(yield* verdict(devbox, "10.0.0.1"), 403)
            const snapshot = yield* devbox.snapshotDisk()
            assert.strictEqual(yield* verdict(devbox, "10.0.0.1"), 403)
            yield* devbox.suspend
            yield* devbox.awaitSuspended()
            yield* devbox.resume
            yield* devbox.awaitRunning()
            assert.strictEqual(yield* verdict(devbox, "10.0.0.1"), 403)
            yield* snapshot.delete
            yield* devbox.close
          }
        })
      ),
    60_000
  )

  it.live(
    "keeps a policy, with its changes, until it is gone: then nothing is let out",
    () =>
      inLocal((dir) =>
        Effect.gen(function* () {
          const policies = yield* NetworkPolicies
          const policy = yield* policies.create({ name: "some", allowedHostnames: ["a.invalid", "*.b.invalid"] })
          for (const make of [Devbox.create(obeying(policy.id)), Devbox.createDetached(obeying(policy.id))]) {
            const devbox = yield* make
            yield* policies.update(policy.id, { allowedHostnames: ["a.invalid", "*.b.invalid"] })
            assert.strictEqual(yield* verdict(devbox, "a.invalid"), 502)
            assert.strictEqual(yield* verdict(devbox, "x.b.invalid"), 502)
            assert.strictEqual(yield* verdict(devbox, "b.invalid"), 403)
            yield* policies.update(policy.id, { allowedHostnames: ["b.invalid"] })
            assert.strictEqual(yield* verdict(devbox, "b.invalid"), 502)
            assert.strictEqual(yield* verdict(devbox, "a.invalid"), 403)
            yield* devbox.close
          }
          const devbox = yield* Devbox.create(obeying(policy.id))
          yield* policies.delete(policy.id)
          assert.strictEqual(yield* verdict(devbox, "b.invalid"), 403)
        }).pipe(withPolicies(dir))
      ),
    60_000
  )

  it.live("is refused where a policy cannot be kept truly, before anything exists", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const policies = yield* NetworkPolicies
        const backend = yield* DevboxBackend.DevboxBackend
        const refusal = (rules: Omit<NetworkPolicyParams, "name">, network?: NetworkMode) =>
          Effect.gen(function* () {
            const { id } = yield* policies.create({ name: "x", ...rules })
            const params = new CreateParams({ ...obeying(id), ...(network === undefined ? {} : { network }) })
            const error = (yield* Effect.flip(backend.create(params))) as BackendError
            return error.reason._tag === "UnsupportedError" ? error.reason.feature : error.reason._tag
          })
        const names = { allowedHostnames: ["a.invalid"] }
        assert.strictEqual(yield* refusal(names, "host"), "networkPolicy")
        assert.strictEqual(yield* refusal(names, "none"), "InvalidRequestError")
        if (backend.capabilities.networks.has("user")) {
          assert.strictEqual(yield* refusal(names, "user"), "networkPolicy")
        }
        assert.strictEqual(yield* refusal({ allowDevboxToDevbox: true }), "networkPolicy:allowDevboxToDevbox")
        assert.strictEqual(yield* refusal({ allowRunloopMirrors: true }), "networkPolicy:allowRunloopMirrors")
        assert.strictEqual(yield* refusal({ allowedCidrs: [{ cidr: "192.168.0.0/16" }] }), "networkPolicy:privateRange")
        const unknown = yield* Effect.flip(backend.create(new CreateParams(obeying("np_nobody"))))
        assert.strictEqual(unknown._tag, "ResourceNotFound")
        assert.deepStrictEqual((yield* backend.list({})).items, [])
      }).pipe(withPolicies(dir))
    )
  )

  it.live(
    "keeps the policies of a server's callers, each only for whose it is",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const dir = yield* stateDir
          const keys = { alice: Redacted.make("alice-key"), bob: Redacted.make("bob-key") }
          const backend = LocalBackend.layer({ stateDir: dir })
          const server = DevboxServer.layer({ port: 0, auth: { keys }, stateDir: path.join(dir, "server") })
          yield* Effect.gen(function* () {
            const { url } = yield* DevboxServer.DevboxServer
            const call = (key: Redacted.Redacted, where: string, body: unknown) =>
              Effect.promise(async () => {
                const headers = { authorization: `Bearer ${Redacted.value(key)}`, "content-type": "application/json" }
                const answer = await fetch(`${url}/v1/${where}`, {
                  method: "POST",
                  headers,
                  body: JSON.stringify(body)
                })
                return { status: answer.status, id: ((await answer.json()) as { readonly id: string }).id }
              })
            const policy = yield* call(keys.alice, "network-policies", { name: "p", allowed_hostnames: ["a.invalid"] })
            const asked = { launch_parameters: { network_policy_id: policy.id } }
            assert.strictEqual((yield* call(keys.bob, "devboxes", asked)).status, 404)
            const { id } = yield* call(keys.alice, "devboxes", asked)
            const devbox = yield* Devbox.attach(id)
            assert.strictEqual(yield* verdict(devbox, "a.invalid"), 502)
            assert.strictEqual(yield* verdict(devbox, "b.invalid"), 403)
            yield* call(keys.alice, `network-policies/${policy.id}`, { allowed_hostnames: ["b.invalid"] })
            assert.strictEqual(yield* verdict(devbox, "b.invalid"), 502)
            const wrong = yield* call(keys.alice, "network-policies", { name: "p", allowed_hostnames: ["a b"] })
            assert.strictEqual(wrong.status, 400)
            yield* devbox.close
          }).pipe(Effect.provide(Layer.merge(DevboxService.layer, server).pipe(Layer.provideMerge(backend))))
          assert.deepStrictEqual(leftovers(dir), [])
        })
      ),
    60_000
  )

  it.live("of the process tier is the machine's, and nothing else is pretended", () =>
    inLocal(
      (dir) =>
        Effect.gen(function* () {
          const backend = yield* DevboxBackend.DevboxBackend
          assert.deepStrictEqual([...backend.capabilities.networks], ["host"])
          for (const network of ["none", "proxy", "user"] as const) {
            const params = new CreateParams({ minimumIsolation: "process", network })
            const error = (yield* Effect.flip(backend.create(params))) as BackendError
            assert.deepInclude(error.reason, { _tag: "UnsupportedError", feature: `network:${network}` })
          }
          const policy = yield* Effect.flatMap(NetworkPolicies, (policies) =>
            policies.create({ name: "x", allowAll: true })
          )
          const params = new CreateParams({ minimumIsolation: "process", ...obeying(policy.id) })
          const error = (yield* Effect.flip(backend.create(params))) as BackendError
          assert.deepInclude(error.reason, { _tag: "UnsupportedError", feature: "networkPolicy" })
        }).pipe(withPolicies(dir)),
      { tier: "process" }
    )
  )
})

describe("network policies of this machine", () => {
  it.live("are made, changed, listed and deleted", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const policies = yield* NetworkPolicies
        const first = yield* policies.create({ name: "first", description: "of two", allowedHostnames: ["a.example"] })
        const second = yield* policies.create({ name: "second", allowAll: true })
        assert.deepStrictEqual((yield* policies.get(first.id)).egress, first.egress)
        const changed = yield* policies.update(first.id, { name: "renamed" })
        assert.deepInclude(changed, { id: first.id, name: "renamed", description: "of two" })
        assert.deepStrictEqual(changed.egress.allowedHostnames, ["a.example"])
        const ids = (filter?: { readonly name?: string; readonly search?: string }) =>
          Effect.map(Stream.runCollect(policies.list(filter)), (found) => found.map(({ id }) => id))
        assert.deepStrictEqual(yield* ids(), [second.id, first.id])
        assert.deepStrictEqual(yield* ids({ name: "name" }), [first.id])
        assert.deepStrictEqual(yield* ids({ search: "two" }), [first.id])
        assert.deepStrictEqual(yield* ids({ search: second.id }), [second.id])
        yield* policies.delete(first.id)
        assert.strictEqual((yield* Effect.flip(policies.get(first.id)))._tag, "ResourceNotFound")
        assert.strictEqual((yield* Effect.flip(policies.delete(first.id)))._tag, "ResourceNotFound")
        const wrong = yield* Effect.flip(policies.create({ name: "x", allowedHostnames: ["https://a.example/"] }))
        assert.include(wrong.message, "is not a host name")
      }).pipe(withPolicies(dir))
    )
  )
})
