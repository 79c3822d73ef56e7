/** Sockets in the networks of boxes, by each program that can make them. Real boxes, real sockets. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import type * as net from "node:net"
import * as fs from "node:fs"
import * as path from "node:path"
import { text } from "node:stream/consumers"
import { Door } from "../../../packages/node/src/internal/net/door.ts"
import type { Box } from "../../../packages/node/src/internal/sandbox/types.ts"
import { type Host, isolated, launch, makeHost, printed, processesWith, run, unavailable } from "../sandbox/helpers.ts"

/** Answers each connection with its name and then with what it is told, when it was told everything. */
export const server = (port: number, name: string): string =>
  `exec node -e '
    const heard = []
    require("net").createServer({ allowHalfOpen: true }, (s) => {
      s.write("${name} ")
      s.on("data", (part) => heard.push(part)).on("end", () => s.end(Buffer.concat(heard)))
    }).listen(${port}, "127.0.0.1", () => console.log("up"))'`

for (const launcher of isolated) {
  const reason = unavailable(launcher)
  if (reason !== undefined) console.warn(`the door of boxes on ${launcher} is skipped: ${reason}`)
  for (const program of ["perl", "node"] as const) {
    describe.skipIf(reason !== undefined)(`the door, made by ${program}, of boxes on ${launcher}`, () => {
      let host: Host
      let box: Box
      let other: Box
      let door: Door
      beforeAll(async () => {
        host = await makeHost(launcher)
        const tools = program === "perl" ? host.report.tools : { ...host.report.tools, perl: undefined }
        door = new Door(() => Promise.resolve({ base: host.base, report: { ...host.report, tools } }))
        ;[box, other] = await Promise.all([host.start(), host.start()])
        for (const [at, name] of [
          [box, "one"],
          [other, "two"]
        ] as const) {
          await printed(at, launch(at, server(8080, name)).id, "up")
        }
      })
      afterAll(async () => {
        door.close()
        await host.close()
      })

      it("connects to a port of the box that was meant, and of no other", async () => {
        const sockets = await Promise.all([door.connect(box.entrance!, 8080), door.connect(other.entrance!, 8080)])
        const answers = sockets.map((socket) => text(socket))
        for (const socket of sockets) socket.end("hello")
        expect(await Promise.all(answers)).toEqual(["one hello", "two hello"])
      })

      it("says that a port is refused, and that a box has ended", async () => {
        await expect(door.connect(box.entrance!, 9)).rejects.toMatchObject({ kind: "refused" })
        const brief = await host.start()
        const { entrance } = brief
        await brief.stop()
        await expect(door.connect(entrance!, 8080)).rejects.toMatchObject({
          kind: program === "perl" ? "gone" : "failed"
        })
        // The pid lives, but the network is another.
        const stale = { ...entrance!, pid: other.pid!, userPid: other.userPid! }
        await expect(door.connect(stale, 8080)).rejects.toMatchObject({ kind: "gone" })
      })

      it("listens inside on behalf of this process, which sees nothing of it in its own network", async () => {
        const listening = await door.listen(box.entrance!, 3128)
        listening.on("connection", (socket: net.Socket) => socket.end("from outside"))
        const inside = `node -e 'require("net").connect(3128, "127.0.0.1").pipe(process.stdout)'`
        expect((await run(box, inside)).stdout).toBe("from outside")
        expect((await run(other, inside)).stderr).toContain("ECONNREFUSED")
        await expect(door.listen(box.entrance!, 8080)).rejects.toMatchObject({
          message: expect.stringContaining("EADDRINUSE")
        })
        const closed = once(listening, "close")
        listening.close()
        await closed
        await vi.waitFor(async () => expect((await run(box, inside)).stderr).toContain("ECONNREFUSED"))
      })

      it("serves many wishes at once", async () => {
        const sockets = await Promise.all(Array.from({ length: 50 }, () => door.connect(box.entrance!, 8080)))
        expect(new Set(sockets.map((socket) => socket.localPort)).size).toBe(50)
        for (const socket of sockets) socket.destroy()
      })
    })
  }
}

describe("the helper behind the door", () => {
  it("dies with its owner, however that ends", async () => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "doorOwner.ts")], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string]
    const [pid, state] = line.trim().split(" ")
    expect(Number(pid)).toBeGreaterThan(0)
    child.kill("SIGKILL")
    await once(child, "exit")
    await vi.waitFor(() => expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH"), { timeout: 5000, interval: 5 })
    await vi.waitFor(() => expect(processesWith(state!)).toEqual([]), { timeout: 5000, interval: 5 })
    fs.rmSync(state!, { recursive: true })
  })
})
