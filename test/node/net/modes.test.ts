/**
 * Whom a devbox reaches in each network mode: every attempt from inside every mode, with the same program tried from outside
 * as its control. Prints the table. Names and addresses that stand for the public internet are of this test's own making.
 */
import { CreateParams, type NetworkMode } from "@effect-devbox/core/DevboxModel"
import { NetworkPolicies } from "@effect-devbox/core/NetworkPolicies"
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { DevboxServer, LocalNetworkPolicies } from "@effect-devbox/node"
import { Effect, Layer, ManagedRuntime } from "effect"
import { execFile, execFileSync } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { create } from "../../../packages/node/src/internal/local/create.ts"
import { openEngine, type OpenEngine } from "../../../packages/node/src/internal/local/owner.ts"
import { forbidden } from "../../../packages/node/src/internal/net/addresses.ts"
import { stackProblem } from "../../../packages/node/src/internal/net/stack.ts"
import type { Box } from "../../../packages/node/src/internal/sandbox/types.ts"
import { launch, printed, run, text } from "../sandbox/helpers.ts"

/** The one address that stands for the public internet here. */
const outside = "127.0.0.2"
const secret = "reached the server"

const modes = ["none", "proxy", "proxy, with a policy", "user", "host"] as const
type Column = (typeof modes)[number]
const modeOf = (column: Column): NetworkMode => column.split(",")[0] as NetworkMode

/** What became of an attempt. */
type Outcome = "reached" | "refused" | "denied" | "no such name"

interface Attempt {
  readonly title: string
  readonly url: () => string
  /** Through the proxy when there is one, or past it. */
  readonly by: "proxy" | "itself"
  /** What curl is told besides. */
  readonly options?: () => ReadonlyArray<string>
  readonly expected: Readonly<Record<Column, Outcome>>
  readonly absent?: () => string | undefined
}

let dir: string
let open: OpenEngine
let runtime: ManagedRuntime.ManagedRuntime<DevboxServer.DevboxServer | NetworkPolicies, unknown>
const closing: Array<() => unknown> = []
const ports = { loopback: 0, outside: 0, everywhere: 0, server: 0 }
const boxes = new Map<Column, { readonly one: Box; readonly two: Box }>()
const lacking = new Map<Column, string>()
let privateAddress: string | undefined

const serve = async (host: string): Promise<number> => {
  const server = http.createServer((_request, response) => response.end(secret))
  closing.push(() => server.close())
  server.listen(0, host)
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

const ownAddress = (): string | undefined =>
  Object.values(os.networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address

const fixed = (outcome: Outcome): Record<Column, Outcome> =>
  Object.fromEntries(modes.map((mode) => [mode, outcome])) as Record<Column, Outcome>

/** Past the proxy every private network is alike. */
const direct = (over: Partial<Record<Column, Outcome>>): Record<Column, Outcome> => ({ ...fixed("refused"), ...over })
/** Through the proxy, where there is one. */
const asked = (proxied: Outcome, over: Partial<Record<Column, Outcome>>): Record<Column, Outcome> =>
  direct({ proxy: proxied, "proxy, with a policy": proxied, ...over })

const named = (name: string, address: string) => () => ["--resolve", `${name}:${ports.outside}:${address}`]

const attempts: ReadonlyArray<Attempt> = [
  {
    title: "the host's loopback",
    url: () => `http://127.0.0.1:${ports.loopback}/`,
    by: "itself",
    expected: direct({ host: "reached" })
  },
  {
    title: "the host's loopback, through the proxy",
    url: () => `http://127.0.0.1:${ports.loopback}/`,
    by: "proxy",
    expected: asked("denied", { host: "reached" })
  },
  {
    title: "the host's loopback, as the gateway of a user-mode network",
    url: () => `http://10.0.2.2:${ports.loopback}/`,
    by: "itself",
    // Not asked of the host itself: there the address may be anybody's.
    absent: () => undefined,
    expected: direct({})
  },
  {
    title: "the devbox server",
    url: () => `http://127.0.0.1:${ports.server}/healthz`,
    by: "itself",
    expected: direct({ host: "reached" })
  },
  {
    title: "the devbox server, through the proxy",
    url: () => `http://127.0.0.1:${ports.server}/healthz`,
    by: "proxy",
    expected: asked("denied", { host: "reached" })
  },
  {
    title: "the host by its own address",
    url: () => `http://${ownAddress()}:${ports.everywhere}/`,
    by: "itself",
    absent: () => (ownAddress() === undefined ? "this host has no address but its loopback" : undefined),
    expected: direct({ user: "reached", host: "reached" })
  },
  {
    title: "the host by its own address, through the proxy",
    url: () => `http://${ownAddress()}:${ports.everywhere}/`,
    by: "proxy",
    absent: () => (ownAddress() === undefined ? "this host has no address but its loopback" : undefined),
    expected: asked("denied", { user: "reached", host: "reached" })
  },
  {
    title: "a private address",
    url: () => `http://${privateAddress}:${ports.everywhere}/`,
    by: "itself",
    absent: () => (privateAddress === undefined ? "only root can give this host a private address" : undefined),
    expected: direct({ user: "reached", host: "reached" })
  },
  {
    title: "a private address, through the proxy",
    url: () => `http://${privateAddress}:${ports.everywhere}/`,
    by: "proxy",
    absent: () => (privateAddress === undefined ? "only root can give this host a private address" : undefined),
    expected: asked("denied", { user: "reached", host: "reached" })
  },
  {
    title: "an allowed name",
    url: () => `http://open.example:${ports.outside}/`,
    by: "proxy",
    options: named("open.example", outside),
    expected: asked("reached", { host: "reached" })
  },
  {
    title: "a name below an allowed *.name",
    url: () => `http://deep.x.open.example:${ports.outside}/`,
    by: "proxy",
    options: named("deep.x.open.example", outside),
    expected: asked("reached", { host: "reached" })
  },
  {
    title: "a name that the policy does not allow",
    url: () => `http://other.example:${ports.outside}/`,
    by: "proxy",
    options: named("other.example", outside),
    expected: asked("reached", { "proxy, with a policy": "denied", host: "reached" })
  },
  {
    title: "an allowed name that means a loopback address",
    url: () => `http://turned.open.example:${ports.loopback}/`,
    by: "proxy",
    options: () => ["--resolve", `turned.open.example:${ports.loopback}:127.0.0.1`],
    expected: asked("denied", { host: "reached" })
  },
  {
    title: "an allowed name, past the proxy",
    url: () => `http://open.example:${ports.outside}/`,
    by: "itself",
    options: named("open.example", outside),
    expected: direct({ host: "reached" })
  }
]

/** The names of the world, for the proxy. */
const names: Readonly<Record<string, string>> = {
  "open.example": outside,
  "deep.x.open.example": outside,
  "other.example": outside,
  "turned.open.example": "127.0.0.1"
}

const curl = ({ by, options, url }: Attempt, proxied: boolean): ReadonlyArray<string> => [
  "curl",
  "--silent",
  "--show-error",
  "--max-time",
  "10",
  "--write-out",
  "\n%{http_code}",
  // What stands in NO_PROXY is asked through the proxy, too.
  "--noproxy",
  by === "itself" ? "*" : "",
  // The proxy looks names up itself.
  ...(proxied && by === "proxy" ? [] : (options?.() ?? [])),
  url()
]

const judge = (stdout: string, stderr: string): Outcome => {
  if (stdout.includes(secret) || /^\{?"?ok|200$/m.test(stdout)) return "reached"
  if (stdout.endsWith("403")) return "denied"
  return stderr.includes("Could not resolve") ? "no such name" : "refused"
}

const fromOutside = (attempt: Attempt): Promise<Outcome> =>
  new Promise((resolve) => {
    const [program, ...args] = curl(attempt, false)
    const env = { PATH: process.env["PATH"] }
    execFile(program!, args, { env }, (_error, stdout, stderr) => resolve(judge(stdout, stderr)))
  })

/** On any port, which it prints: in the network of the host the others are somebody's. */
const answersInside = `exec node -e 'const s = require("http").createServer((q, r) => r.end("${secret}"))
  s.listen(0, "0.0.0.0", () => console.log(s.address().port))'`

const start = async (network: NetworkMode, networkPolicyId?: string): Promise<Box> => {
  const params = new CreateParams({
    network,
    ...(networkPolicyId === undefined ? {} : { launchParameters: { networkPolicyId } })
  })
  const id = await create(open.engine, params, { minimumIsolation: "isolated", network: "proxy", tier: undefined })
  const live = open.engine.live.get(id)!
  await live.online
  return live.box
}

beforeAll(async () => {
  dir = fs.mkdtempSync(path.join(process.env["DEVBOX_TEST_DIR"] ?? "/var/tmp", "devbox-modes-"))
  fs.chmodSync(dir, 0o755)
  closing.push(() => fs.rmSync(dir, { recursive: true, force: true }))
  if (process.getuid?.() === 0) {
    const address = `10.${(process.pid >> 8) & 255}.${process.pid & 255}.7`
    execFileSync("ip", ["address", "add", `${address}/32`, "dev", "lo"])
    closing.push(() => execFileSync("ip", ["address", "del", `${address}/32`, "dev", "lo"]))
    privateAddress = address
  }
  ports.loopback = await serve("127.0.0.1")
  ports.outside = await serve(outside)
  ports.everywhere = await serve("0.0.0.0")
  open = openEngine(
    dir,
    { keepAliveSeconds: 3600 },
    {
      lookUp: (host) =>
        names[host] === undefined ? Promise.reject(new Error("ENOTFOUND")) : Promise.resolve([names[host]]),
      forbidden: (address) => (address === outside ? undefined : forbidden(address))
    }
  )
  closing.push(() => open.close())
  const server = DevboxServer.layer({ port: 0, stateDir: path.join(dir, "server") }).pipe(
    Layer.provide(MemoryBackend.layer())
  )
  const policies = NetworkPolicies.layer.pipe(Layer.provide(LocalNetworkPolicies.layer({ stateDir: dir })))
  runtime = ManagedRuntime.make(Layer.merge(server, policies))
  closing.push(() => runtime.dispose())
  ports.server = await runtime.runPromise(Effect.map(DevboxServer.DevboxServer, ({ port }) => port))
  const policy = await runtime.runPromise(
    Effect.flatMap(NetworkPolicies, ({ create: make }) =>
      make({ name: "names", allowedHostnames: ["open.example", "*.open.example"] })
    )
  )
  const { report } = await open.engine.host()
  const lack = stackProblem(report)
  if (lack !== undefined) lacking.set("user", `it ${lack}`)
  await Promise.all(
    modes
      .filter((mode) => !lacking.has(mode))
      .map(async (mode) => {
        const id = mode === "proxy, with a policy" ? policy.id : undefined
        const [one, two] = await Promise.all([start(modeOf(mode), id), start(modeOf(mode), id)])
        boxes.set(mode, { one, two })
      })
  )
}, 60_000)
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

const pad = (text: string, width: number): string => text.padEnd(width)

describe("whom a devbox reaches", () => {
  it("is what its network mode says, for every attempt, and each attempt can succeed", async () => {
    const rows: Array<string> = []
    const wrong: Array<string> = []
    for (const attempt of attempts) {
      const reason = attempt.absent?.()
      if (reason !== undefined) {
        rows.push(`not run: ${attempt.title}: ${reason}`)
        continue
      }
      const isGateway = attempt.url().includes("10.0.2.2")
      const control = isGateway ? "-" : await fromOutside(attempt)
      if (control !== "reached" && !isGateway) wrong.push(`${attempt.title}: outside it is ${control}`)
      const cells = await Promise.all(
        modes.map(async (mode) => {
          const box = boxes.get(mode)?.one
          if (box === undefined) return "not run"
          if (isGateway && mode === "host") return "-"
          const { stderr, stdout } = await run(box, curl(attempt, modeOf(mode) === "proxy"), {})
          const outcome = judge(stdout, stderr)
          const expected = attempt.expected[mode]
          if (outcome !== expected)
            wrong.push(`${attempt.title} in ${mode}: ${outcome}, not ${expected}: ${stdout} ${stderr}`)
          return outcome
        })
      )
      rows.push([pad(attempt.title, 60), pad(control, 9), ...cells.map((cell) => pad(cell, 22))].join(" "))
    }
    // From one devbox to another of the same mode: by every address that the other has.
    const others = await Promise.all(
      modes.map(async (mode) => {
        const pair = boxes.get(mode)
        if (pair === undefined) return "not run"
        const server = launch(pair.two, answersInside)
        await printed(pair.two, server.id, "\n")
        const port = (await text(pair.two, server.id, "stdout")).trim()
        const look = (address: string) => ["curl", "-s", "--noproxy", "*", "-m", "5", `http://${address}:${port}/`]
        const { stdout } = await run(pair.two, "hostname -I; echo 127.0.0.1")
        const addresses = stdout.split(/\s+/).filter((address) => address.includes("."))
        const itself = await run(pair.two, look("127.0.0.1"))
        if (!itself.stdout.includes(secret)) wrong.push(`the other devbox of ${mode} does not reach itself`)
        const tries = await Promise.all(addresses.map((address) => run(pair.one, look(address))))
        const reached = tries.some((tried) => tried.stdout.includes(secret))
        if (reached !== (mode === "host")) wrong.push(`another devbox in ${mode}: ${reached ? "reached" : "refused"}`)
        await pair.two.kill(server.id, { group: true })
        return reached ? "reached" : "refused"
      })
    )
    rows.push(
      [
        pad("another devbox of the same mode, by all its addresses", 60),
        pad("reached", 9),
        ...others.map((cell) => pad(cell, 22))
      ].join(" ")
    )
    const head = [pad("attempt", 60), pad("outside", 9), ...modes.map((mode) => pad(mode, 22))].join(" ")
    const foot = [...lacking].map(([mode, reason]) => `not run: the mode ${mode}: ${reason}`)
    console.log([head, ...rows, ...foot].join("\n"))
    expect(wrong).toEqual([])
  }, 120_000)
})
