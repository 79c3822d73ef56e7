/** Attempts to reach what listens on the host, and to see its network. All boxes of the suite have the default network: the proxy's. */
import { existsSync } from "node:fs"
import { createServer as createHttpServer } from "node:http"
import { createServer, type ListenOptions, type Server } from "node:net"
import { networkInterfaces } from "node:os"
import { join } from "node:path"
import { once } from "node:events"
import { type Attempt, newSecret, nothing, type Prepared } from "./attempt.ts"

const show = `s.on("error", (error) => { console.error(error.message); process.exit(1) }); s.pipe(process.stdout)`
const connectTcp = `node -e 'const s = require("net").connect(process.env.PORT, process.env.ADDRESS); ${show}'`
const connectPath = `node -e 'const s = require("net").connect(process.env.SOCKET); ${show}'`
const connectAbstract = `node -e 'const s = require("net").connect("\\0" + process.env.SOCKET); ${show}'`
const fetchUrl = `node -e 'fetch(process.env.URL).then((r) => r.text()).then(console.log, (error) => { console.error(String(error.cause ?? error)); process.exit(1) })'`

/** Asks the proxy by hand where there is one, whatever is not to be asked through it; otherwise it asks itself. */
const byProxy = (ask: string) => `node -e '
  const { ADDRESS, PORT, http_proxy } = process.env
  const authority = (ADDRESS.includes(":") ? "[" + ADDRESS + "]" : ADDRESS) + ":" + PORT
  const to = http_proxy === undefined ? { host: ADDRESS, port: PORT } : new URL(http_proxy)
  const s = require("net").connect(to.port, to.host.replace(/:[0-9]+$/, ""), () => {
    if (http_proxy !== undefined) s.write(${ask} + " HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
  })
  ${show}'`
const tunnelTo = byProxy('"CONNECT " + authority')
const getFrom = byProxy('"GET http://" + authority + "/"')

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

/** A server of the host that gives its secret to whoever connects. */
const listens = async (
  at: ListenOptions,
  env: (port: number) => Record<string, string>,
  http = false
): Promise<Prepared> => {
  const secret = newSecret()
  const server = http
    ? createHttpServer((_, response) => void response.end(secret))
    : createServer((socket) => void socket.on("error", nothing).end(secret))
  server.listen(at)
  await once(server, "listening")
  const address = server.address()
  return {
    env: env(typeof address === "object" && address !== null ? address.port : 0),
    observed: ({ stdout }) => stdout.includes(secret),
    cleanup: () => close(server)
  }
}

const addresses = (family: "IPv4" | "IPv6", internal: boolean): ReadonlyArray<string> =>
  Object.values(networkInterfaces()).flatMap((list = []) =>
    list
      .filter((entry) => entry.family === family && entry.internal === internal && !entry.address.startsWith("fe80"))
      .map(({ address }) => address)
  )

const ownAddress = (): string | undefined => addresses("IPv4", false)[0] ?? addresses("IPv6", false)[0]
const otherInterfaces = (): ReadonlyArray<string> => Object.keys(networkInterfaces()).filter((name) => name !== "lo")
const noAddress = () => (ownAddress() === undefined ? "this host has no address but its loopback" : undefined)
const noInterface = () => (otherInterfaces().length === 0 ? "this host has no interface but its loopback" : undefined)

const tcp = (address: string) =>
  listens({ host: address, port: 0 }, (port) => ({ ADDRESS: address, PORT: String(port) }))

const web = (address: string) =>
  listens({ host: address, port: 0 }, (port) => ({ URL: `http://${address}:${port}/` }), true)

const seesInterface = (): Prepared => ({
  env: {},
  observed: ({ stdout }) => otherInterfaces().some((name) => new RegExp(`^\\s*${name}\\b`, "m").test(stdout)),
  cleanup: nothing
})

/** Connecting and looking around. */
export const networkAttempts: ReadonlyArray<Attempt> = [
  {
    id: "loopback",
    title: "connects to a port on the host's 127.0.0.1",
    program: connectTcp,
    arrange: () => tcp("127.0.0.1")
  },
  {
    id: "loopback-6",
    title: "connects to a port on the host's ::1",
    absent: () => (addresses("IPv6", true).includes("::1") ? undefined : "this host has no ::1"),
    program: connectTcp,
    arrange: () => tcp("::1")
  },
  {
    id: "own-address",
    title: "connects to a port on the host's own address",
    absent: noAddress,
    program: connectTcp,
    arrange: () => tcp(ownAddress() ?? "")
  },
  {
    id: "loopback-http",
    title: "fetches a page from the host's loopback, through a proxy if it is given one",
    program: fetchUrl,
    arrange: () => web("127.0.0.1")
  },
  {
    id: "own-address-http",
    title: "fetches a page from the host's own address, through a proxy if it is given one",
    absent: noAddress,
    program: fetchUrl,
    arrange: () => web(ownAddress() ?? "")
  },
  ...(
    [
      ["127.0.0.1", "", "by its number"],
      ["localhost", "-name", "by its name"],
      ["::ffff:127.0.0.1", "-mapped", "by its number in IPv6"],
      ["2130706433", "-decimal", "by its number as one"],
      ["0", "-zero", "by the address that means any"]
    ] as const
  ).map(([address, suffix, how]): Attempt => ({
    id: `proxy-tunnel${suffix}`,
    title: `asks the proxy for a tunnel to the host's loopback, ${how}`,
    program: tunnelTo,
    arrange: async () => {
      const prepared = await tcp("127.0.0.1")
      return { ...prepared, env: { ...prepared.env, ADDRESS: address } }
    }
  })),
  {
    id: "proxy-request",
    title: "asks the proxy for a page of the host's loopback",
    program: getFrom,
    arrange: () => tcp("127.0.0.1")
  },
  {
    id: "proxy-own-address",
    title: "asks the proxy for a tunnel to the host's own address",
    absent: noAddress,
    program: tunnelTo,
    arrange: () => tcp(ownAddress() ?? "")
  },
  {
    id: "unix-socket",
    title: "connects to a socket in a directory of the host",
    program: connectPath,
    arrange: (scene) => {
      const path = join(scene.directory, "service.sock")
      return listens({ path, writableAll: true }, () => ({ SOCKET: path }))
    }
  },
  {
    id: "abstract-socket",
    title: "connects to an abstract socket of the host",
    program: connectAbstract,
    arrange: () => {
      const name = newSecret()
      return listens({ path: `\0${name}` }, () => ({ SOCKET: name }))
    }
  },
  {
    id: "interfaces-sys",
    title: "lists the host's network interfaces in /sys",
    absent: () => (existsSync("/sys/class/net") ? noInterface() : "this host has no /sys/class/net"),
    program: "ls -1 /sys/class/net",
    arrange: seesInterface
  },
  {
    id: "interfaces-proc",
    title: "lists the host's network interfaces in /proc",
    absent: noInterface,
    program: "cat /proc/net/dev",
    arrange: seesInterface
  },
  {
    id: "tcp-table",
    title: "finds the ports on which the host listens",
    program: "cat /proc/net/tcp",
    arrange: async () => {
      const { env, cleanup } = await tcp("127.0.0.1")
      const port = Number(env["PORT"]).toString(16).toUpperCase().padStart(4, "0")
      return { env: {}, observed: ({ stdout }) => stdout.includes(`0100007F:${port} 00000000:0000 0A`), cleanup }
    }
  },
  {
    id: "socket-table",
    title: "finds the sockets on which the host listens",
    program: "cat /proc/net/unix",
    arrange: async (scene) => {
      const name = newSecret()
      const { cleanup } = await listens({ path: join(scene.directory, name) }, () => ({}))
      return { env: {}, observed: ({ stdout }) => stdout.includes(name), cleanup }
    }
  }
]
