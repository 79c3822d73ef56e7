/** The proxy that is the way out of devboxes, between real sockets: what it carries, whom it refuses, and how it ends. */
import { EgressRules } from "@effect-devbox/core/NetworkPolicies"
import { once } from "node:events"
import * as http from "node:http"
import * as net from "node:net"
import { text } from "node:stream/consumers"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { forbidden } from "../../../packages/node/src/internal/net/addresses.ts"
import { EgressProxy } from "../../../packages/node/src/internal/net/proxy.ts"
import { everything, type Rules, rulesOf } from "../../../packages/node/src/internal/net/rules.ts"

/** The one address that stands for the public internet here. */
const outside = "127.0.0.2"

let names: Record<string, ReadonlyArray<string>>
let lookups: Array<string>
let rules: Rules
let closing: Array<() => void>
let proxyPort: number
let stop: () => void
let proxy: EgressProxy

const listen = async (server: net.Server, host: string): Promise<number> => {
  closing.push(() => server.close())
  server.listen(0, host)
  await once(server, "listening")
  return (server.address() as net.AddressInfo).port
}

/** A server of the public internet. */
const serve = (answer: http.RequestListener): Promise<number> => listen(http.createServer(answer), outside)

beforeEach(async () => {
  names = { "open.example": [outside], "inside.example": ["127.0.0.1"] }
  lookups = []
  rules = everything
  closing = []
  proxy = new EgressProxy({
    lookUp: (host) => {
      lookups.push(host)
      return names[host] === undefined ? Promise.reject(new Error("ENOTFOUND")) : Promise.resolve(names[host])
    },
    forbidden: (address) => (address === outside ? undefined : forbidden(address))
  })
  const listening = net.createServer()
  stop = proxy.serve(listening, () => rules)
  proxyPort = await listen(listening, "127.0.0.1")
})
afterEach(() => {
  stop()
  for (const close of closing) close()
})

/** Sends bytes to the proxy as they are and gives what comes back until the end. */
const raw = async (request: string): Promise<string> => {
  const socket = net.connect(proxyPort, "127.0.0.1")
  socket.write(request)
  return text(socket)
}

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

const ask = async (url: string, options: http.RequestOptions = {}, body?: string): Promise<Answer> => {
  const request = http.request({ port: proxyPort, host: "127.0.0.1", path: url, agent: false, ...options })
  request.end(body)
  const [response] = (await once(request, "response")) as [http.IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) }
}

/** A tunnel, or the answer that there is none. */
const connect = async (authority: string): Promise<net.Socket | number> => {
  const request = http.request({ port: proxyPort, host: "127.0.0.1", method: "CONNECT", path: authority, agent: false })
  request.end()
  const [response, socket] = (await once(request, "connect")) as [http.IncomingMessage, net.Socket]
  return response.statusCode === 200 ? socket : (socket.destroy(), response.statusCode ?? 0)
}

describe("requests through the proxy", () => {
  it("arrive as they were made, for the host that they are for, without what belongs to the connection", async () => {
    const port = await serve((request, response) => {
      const { headers, method, rawHeaders, url } = request
      void text(request).then((body) => response.end(JSON.stringify({ headers, method, rawHeaders, url, body })))
    })
    const headers = {
      host: "somebody-else.example",
      "x-kept": "yes",
      "X-Case": "Kept",
      connection: "x-dropped",
      "x-dropped": "1",
      "proxy-authorization": "Basic eDp5",
      te: "trailers"
    }
    const url = `http://open.example:${port}/a%20b?c=d&e`
    const { body, status } = await ask(url, { method: "PUT", headers }, "contents")
    expect(status).toBe(200)
    const seen = JSON.parse(body) as Record<string, unknown>
    expect(seen).toMatchObject({ method: "PUT", url: "/a%20b?c=d&e", body: "contents" })
    expect(seen["headers"]).toMatchObject({ host: `open.example:${port}`, "x-kept": "yes" })
    expect(seen["rawHeaders"]).toContain("X-Case")
    for (const name of ["x-dropped", "proxy-authorization", "te", "proxy-connection"]) {
      expect(seen["headers"]).not.toHaveProperty(name)
    }
  })

  it("are answered with everything the server says, while it says it", async () => {
    let finish = () => {}
    const port = await serve((_request, response) => {
      response.writeHead(418, "Short And Stout", { "x-from": "server", "set-cookie": ["a=1", "b=2"] })
      response.write("first")
      finish = () => response.end(" last")
    })
    const request = http.get({ port: proxyPort, host: "127.0.0.1", path: `http://open.example:${port}/`, agent: false })
    const [response] = (await once(request, "response")) as [http.IncomingMessage]
    expect(response).toMatchObject({ statusCode: 418, statusMessage: "Short And Stout" })
    expect(response.headers).toMatchObject({ "x-from": "server", "set-cookie": ["a=1", "b=2"] })
    const [part] = (await once(response, "data")) as [Buffer]
    expect(part.toString()).toBe("first")
    finish()
    expect(await text(response)).toBe(" last")
  })

  it("follow one another on one connection, each to its own host", async () => {
    names["other.example"] = [outside]
    const ports = await Promise.all(["one", "two"].map((name) => serve((_request, response) => response.end(name))))
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    closing.push(() => agent.destroy())
    const first = await ask(`http://open.example:${ports[0]}/`, { agent })
    const second = await ask(`http://other.example:${ports[1]}/`, { agent })
    expect([first.body, second.body]).toEqual(["one", "two"])
  })

  it("carry a body of any length both ways", async () => {
    const port = await serve((request, response) => request.pipe(response))
    const body = "0123456789abcdef".repeat(200_000)
    const answer = await ask(`http://open.example:${port}/`, { method: "POST" }, body)
    expect(answer.body === body).toBe(true)
  })

  it("end at the server when the client goes", async () => {
    const gone = Promise.withResolvers<void>()
    const port = await serve((request, response) => {
      response.write("begun")
      request.socket.once("close", () => gone.resolve())
    })
    const request = http.get({ port: proxyPort, host: "127.0.0.1", path: `http://open.example:${port}/`, agent: false })
    const [response] = (await once(request, "response")) as [http.IncomingMessage]
    await once(response, "data")
    response.on("error", () => {})
    request.destroy()
    await gone.promise
  })
})

describe("tunnels through the proxy", () => {
  it("carry bytes both ways, and the end of each direction by itself", async () => {
    const heard: Array<Buffer> = []
    const echo = net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("data", (part) => heard.push(part)).on("end", () => socket.end(Buffer.concat(heard)))
    })
    const port = await listen(echo, outside)
    const socket = (await connect(`open.example:${port}`)) as net.Socket
    const body = "0123456789abcdef".repeat(100_000)
    const answer = text(socket)
    socket.end(body)
    expect((await answer) === body).toBe(true)
  })

  it("end with the proxy, on both sides", async () => {
    const gone = Promise.withResolvers<void>()
    const port = await listen(
      net.createServer((socket) => socket.resume().once("close", () => gone.resolve())),
      outside
    )
    const socket = (await connect(`open.example:${port}`)) as net.Socket
    socket.on("error", () => {})
    const closed = once(socket.resume(), "close")
    proxy.close()
    await Promise.all([gone.promise, closed])
  })

  it("end with the box, on both sides", async () => {
    const gone = Promise.withResolvers<void>()
    const port = await listen(
      net.createServer((socket) => socket.resume().once("close", () => gone.resolve())),
      outside
    )
    const socket = (await connect(`open.example:${port}`)) as net.Socket
    socket.on("error", () => {})
    const closed = once(socket.resume(), "close")
    stop()
    await Promise.all([gone.promise, closed])
  })
})

describe("the proxy refuses", () => {
  it("addresses that are not the public internet, by name and by any way to write them, for requests and tunnels", async () => {
    const port = await listen(
      http.createServer((_request, response) => response.end("secret")),
      "127.0.0.1"
    )
    for (const host of [
      "inside.example",
      "127.0.0.1",
      "127.1",
      "2130706433",
      "0x7f000001",
      "0177.0.0.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "0.0.0.0",
      "169.254.169.254",
      "10.0.0.1"
    ]) {
      // What resolvers of this machine make of such names: the address that is meant.
      names[host] ??= ["127.0.0.1"]
      const answer = await ask(`http://${host}:${port}/`)
      expect([host, answer.status, answer.headers["proxy-status"]]).toEqual([
        host,
        403,
        "effect-devbox; error=http_request_denied"
      ])
      expect(answer.body).not.toContain("secret")
      expect([host, await connect(`${host}:${port}`)]).toEqual([host, 403])
    }
  })

  it("a name that means an allowed address first and another one later: it connects to what was judged", async () => {
    const secret = await listen(
      http.createServer((_request, response) => response.end("secret")),
      "127.0.0.1"
    )
    names["turning.example"] = [outside]
    // Nothing listens there: a second look at the name would find the secret.
    expect((await ask(`http://turning.example:${secret}/`)).status).toBe(502)
    expect(lookups).toEqual(["turning.example"])
    names["turning.example"] = ["127.0.0.1"]
    expect((await ask(`http://turning.example:${secret}/`)).status).toBe(403)
    names["turning.example"] = ["127.0.0.1", outside]
    expect((await ask(`http://turning.example:${secret}/`)).status).toBe(403)
  })

  it("what the policy does not allow, without looking it up, and from the next request on what it does not allow any more", async () => {
    const port = await serve((_request, response) => response.end("open"))
    names["x.open.example"] = [outside]
    rules = rulesOf(new EgressRules({ allowedHostnames: ["open.example"] }))
    expect((await ask(`http://open.example:${port}/`)).body).toBe("open")
    lookups = []
    expect((await ask(`http://x.open.example:${port}/`)).status).toBe(403)
    expect(await connect(`x.open.example:${port}`)).toBe(403)
    expect((await ask(`http://${outside}:${port}/`)).status).toBe(403)
    expect(lookups).toEqual([])
    rules = rulesOf(new EgressRules({ allowedHostnames: ["*.open.example"] }))
    expect((await ask(`http://x.open.example:${port}/`)).body).toBe("open")
    expect((await ask(`http://open.example:${port}/`)).status).toBe(403)
    rules = rulesOf(new EgressRules({ allowedCidrs: [{ cidr: `${outside}/32`, ports: [{ port }] }] }))
    expect((await ask(`http://open.example:${port}/`)).body).toBe("open")
    expect((await ask(`http://${outside}:${port}/`)).body).toBe("open")
    expect((await ask(`http://open.example:${port - 1}/`)).status).toBe(403)
  })

  it("what is no request for a proxy", async () => {
    expect((await ask("/")).status).toBe(400)
    expect((await ask("https://open.example/")).status).toBe(400)
    expect((await ask("ftp://open.example/")).status).toBe(400)
    for (const authority of ["open.example", "open.example:0", "open.example:65536", "open.example:80:80", ":80"]) {
      expect(await raw(`CONNECT ${authority} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /)
    }
    // Two lengths of one body are how requests are smuggled.
    const two =
      "POST http://open.example/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    expect(await raw(two)).not.toContain("200")
    expect(lookups).toEqual([])
  })

  it("with the reason when nobody has the name, or nobody listens", async () => {
    expect(await ask("http://nowhere.example/")).toMatchObject({
      status: 502,
      body: "nowhere.example has no address\n"
    })
    const port = await serve(() => {})
    closing.pop()?.()
    expect(await ask(`http://open.example:${port}/`)).toMatchObject({
      status: 502,
      body: expect.stringContaining("ECONNREFUSED")
    })
  })
})

describe("what a stranger answers", () => {
  it.each(["HTTP/1.1 000 OK", "HTTP/1.1 200 \u0001"])("is refused when it is no head: %j", async (head) => {
    const port = await listen(
      net.createServer((socket) => {
        socket.once("data", () => socket.end(`${head}\r\nContent-Length: 0\r\n\r\n`))
      }),
      outside
    )
    expect(await ask(`http://open.example:${port}/`)).toMatchObject({ status: 502, body: "the answer is not HTTP\n" })
  })

  it("is asked with the length that the body has, whatever the client says belongs to its connection", async () => {
    const bodies: Array<string> = []
    const port = await serve((request, response) => {
      void text(request).then((body) => {
        bodies.push(`${request.url} ${body}`)
        response.end()
      })
    })
    const hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    const lines = [`GET http://open.example:${port}/ HTTP/1.1`, "Host: x", "Connection: close, content-length"]
    await raw(`${lines.join("\r\n")}\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`)
    expect(bodies).toEqual([`/ ${hidden}`])
  })
})
