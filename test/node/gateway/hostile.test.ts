/** Servers inside a devbox that answer what is no HTTP, and clients that say more than they may: neither ends the gateway. */
import * as http2 from "node:http2"
import * as net from "node:net"
import { once } from "node:events"
import { text } from "node:stream/consumers"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type ListeningGateway, listenGateway } from "../../../packages/node/src/internal/gateway/gateway.ts"

const key = "abcdefghijkl"
const host = `3000-${key}.localhost`

let inside: net.Server
let gateway: ListeningGateway
/** What the server inside does with a connection and the first that comes on it. */
let answer: (socket: net.Socket, asked: string) => void

beforeEach(async () => {
  inside = net.createServer((socket) => {
    socket.on("error", () => {})
    socket.once("data", (bytes) => {
      // It speaks no HTTP/2.
      if (String(bytes).startsWith("PRI ")) socket.destroy()
      else answer(socket, String(bytes))
    })
  })
  inside.listen(0, "127.0.0.1")
  await once(inside, "listening")
  const { port } = inside.address() as net.AddressInfo
  const dial = async () => {
    const socket = net.connect(port, "127.0.0.1")
    await once(socket, "connect")
    return socket
  }
  gateway = await listenGateway((of, at) => ({ key: of, port: at, token: undefined, heard: () => {}, dial }), undefined)
})
afterEach(async () => {
  await gateway.close()
  inside.close()
})

const send = (request: string): net.Socket => {
  const socket = net.connect(gateway.port, "127.0.0.1")
  socket.write(request)
  return socket
}
const get = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`

/** The status over HTTP/2, or that the answer broke off. */
const ask2 = async (): Promise<number | "broken"> => {
  const session = http2.connect(`http://127.0.0.1:${gateway.port}`)
  try {
    const stream = session.request({ ":path": "/", ":authority": host })
    const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders & { ":status": number }]
    await text(stream)
    return headers[":status"]
  } catch {
    return "broken"
  } finally {
    session.destroy()
  }
}

const plain = "Content-Length: 0\r\n\r\n"
const chunked = "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"

describe("an answer that is no HTTP", () => {
  it.each([
    ["a reason with a control character", `HTTP/1.1 200 \u0001\r\n${plain}`, /^HTTP\/1.1 502 Bad Gateway/, 200],
    ["status 0", `HTTP/1.1 000 OK\r\n${plain}`, /^HTTP\/1.1 502 Bad Gateway/, 502],
    ["status 999", `HTTP/1.1 999 OK\r\n${plain}`, /^HTTP\/1.1 999 /, 502],
    ["two types", `HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Type: b\r\n${plain}`, /^HTTP\/1.1 200 /, 502],
    ["trailers of the connection", `HTTP/1.1 200 OK\r\n${chunked}Connection: x\r\n\r\n`, /^HTTP\/1.1 200 /, 200],
    ["two dates in trailers", `HTTP/1.1 200 OK\r\n${chunked}Date: a\r\nDate: b\r\n\r\n`, /^HTTP\/1.1 200 /, "broken"],
    ["a trailer that is none", `HTTP/1.1 200 OK\r\n${chunked}X: \u0001\r\n\r\n`, /^HTTP\/1.1 200 /, "broken"]
  ] as const)("is told as such, or passed on, and the next request is served: %s", async (_what, bad, one, two) => {
    answer = (socket) => socket.end(bad, "latin1")
    expect(await text(send(get))).toMatch(one)
    // HTTP/2 has no reasons, but stricter headers and trailers.
    expect(await ask2()).toBe(two)
    answer = (socket) => socket.end(`HTTP/1.1 204 OK\r\n\r\n`)
    expect(await text(send(get))).toMatch(/^HTTP\/1.1 204 /)
    expect(await ask2()).toBe(204)
  })
})

describe("a client", () => {
  it("decides by no header where the server inside sees the end of its request", async () => {
    let asked = ""
    answer = (socket, first) => {
      asked = first
      socket.on("data", (bytes) => (asked += String(bytes)))
      setImmediate(() => socket.end(`HTTP/1.1 200 OK\r\n${plain}`))
    }
    const hidden = "GET /hidden HTTP/1.1\r\n\r\n"
    const head = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close, Content-Length, host\r\n`
    await text(send(`${head}Content-Length: ${hidden.length}\r\n\r\n${hidden}`))
    expect(asked).toContain(`Content-Length: ${hidden.length}\r\n`)
    expect(asked).toContain(`Host: ${host}\r\n`)
  })

  it("keeps an answer that is under way while other ports of the tunnel are closed, and loses it with its own", async () => {
    let server!: net.Socket
    answer = (socket) => {
      server = socket
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
    }
    const client = send(get)
    await once(client, "data")
    gateway.cut(key, (port) => port === 3000)
    server.end("two")
    expect(await text(client)).toMatch(/two$/)
    const other = send(get)
    await once(other, "data")
    gateway.cut(key, (port) => port !== 3000)
    await text(other).catch(() => "")
    expect(other.destroyed).toBe(true)
  })
})
