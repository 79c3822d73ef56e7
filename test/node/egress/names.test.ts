/** Names of the proxy's world: from the hosts file and from name servers, one of which is silent. */
import * as dgram from "node:dgram"
import { once } from "node:events"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { inHosts, lookUp } from "../../../packages/node/src/internal/net/names.ts"

/** A name server that answers questions for IPv4 with one address, those for IPv6 with nothing, or says nothing at all. */
const nameServer = async (address: ReadonlyArray<number> | undefined) => {
  const socket = dgram.createSocket("udp4")
  let asked = 0
  const first = Promise.withResolvers<void>()
  socket.on("message", (question, from) => {
    asked++
    first.resolve()
    if (address === undefined) return
    const end = question.indexOf(0, 12) + 5
    const isFour = question.readUInt16BE(end - 4) === 1
    const head = Buffer.from(question.subarray(0, end))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(isFour ? 1 : 0, 6)
    head.writeUInt32BE(0, 8)
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address])
    socket.send(isFour ? Buffer.concat([head, record]) : head, from.port, from.address)
  })
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  const server = `127.0.0.1:${socket.address().port}`
  return { server, asked: () => asked, first: first.promise, close: () => socket.close() }
}

describe("a name", () => {
  it("is looked for in the hosts file first, in any case and among aliases, and not in comments", () => {
    const text = "# 9.9.9.9 alpha\n1.2.3.4\tone Alpha # beta\n::1 alpha\n\n5.6.7.8 gamma"
    expect(inHosts(text, "ALPHA.")).toEqual(["1.2.3.4", "::1"])
    expect(inHosts(text, "beta")).toEqual([])
    expect(inHosts(text, "1.2.3.4")).toEqual([])
  })

  it("of the hosts file needs no name server, and any other is asked for", async () => {
    const dir = await fs.mkdtemp(path.join(os.tmpdir(), "devbox-names-"))
    const dns = await nameServer([192, 0, 2, 7])
    try {
      const hosts = path.join(dir, "hosts")
      await fs.writeFile(hosts, "203.0.113.9 here.example\n")
      expect(await lookUp("here.example", [dns.server], hosts)).toEqual(["203.0.113.9"])
      expect(dns.asked()).toBe(0)
      expect(await lookUp("there.example", [dns.server], hosts)).toEqual(["192.0.2.7"])
    } finally {
      dns.close()
      await fs.rm(dir, { recursive: true })
    }
  })

  it("that no name server answers keeps no file from being read, however many ask", async () => {
    const dns = await nameServer(undefined)
    try {
      let over = 0
      for (let n = 0; n < 64; n++) lookUp(`n${n}.example`, [dns.server], "/dev/null").catch(() => over++)
      await dns.first
      // Four threads read all files of a process; each of them would be taken by now, were a name looked up in one.
      expect((await fs.readFile("/etc/hosts", "utf8")).length).toBeGreaterThan(0)
      expect(over).toBe(0)
    } finally {
      dns.close()
    }
  })
})
