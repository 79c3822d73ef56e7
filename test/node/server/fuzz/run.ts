/**
 * Fires requests that a seed repeats at a server of its own, over raw connections of HTTP/1.1 and over HTTP/2, and looks at what it
 * answers and how it fares. `node run.ts [REQUESTS] [SEED]` prints the report.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import * as http2 from "node:http2"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { random } from "../kill/load.ts"
import { shoot, type Shot, toBytes } from "./requests.ts"

/** What came of it. */
export interface Report {
  readonly requests: number
  readonly seed: number
  readonly statuses: Readonly<Record<string, number>>
  /** Answers that are the server's fault, and what they answered. */
  readonly faults: ReadonlyArray<string>
  /** Requests without an answer and without an end. */
  readonly hung: ReadonlyArray<string>
  readonly crashed: boolean
  readonly stderr: string
  /** Megabytes of heap in use after a collection, every tenth of the way. */
  readonly heap: ReadonlyArray<number>
  readonly seconds: number
}

/** How long an answer may take: longer than every limit of the server, so that only what is forgotten is caught. */
const patience = 15_000

/** `000` where the connection ended without an answer. */
const overHttp1 = (port: number, shot: Shot): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = net.connect(port, "127.0.0.1")
  let head = ""
  // A stream goes on for as long as its command: its head is the answer.
  const done = () => {
    const status = /^HTTP\/1\.1 (?:100 [^]*?HTTP\/1\.1 )?(\d{3})/.exec(head)?.[1]
    if (status === undefined) return
    resolve(status)
    socket.destroy()
  }
  const hang = () => {
    resolve("hung")
    socket.destroy()
  }
  socket.setTimeout(patience, hang) // real time: what hangs is what this is about
  socket.on("connect", () => {
    socket.write(toBytes(shot))
    if (shot.sent < shot.body.length) socket.end()
  })
  socket.on("data", (chunk: Buffer) => {
    if (head.length < 2000) head += chunk.toString("latin1")
    if (/^HTTP\/1\.1 (?!100)/.test(head) || /\r\n\r\nHTTP\/1\.1/.test(head)) done()
  })
  socket.on("error", () => {})
  socket.on("close", () => resolve("000"))
  return promise
}

const overHttp2 = (session: http2.ClientHttp2Session, shot: Shot): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>()
  try {
    const headers: Record<string, string> = {}
    for (const [name, value] of shot.headers) {
      if (!/^(host|connection|upgrade|http2-settings|transfer-encoding|content-length)$/.test(name))
        headers[name] = value
    }
    const stream = session.request({ ...headers, ":method": shot.method, ":path": shot.target })
    const hang = () => {
      resolve("hung")
      stream.close()
    }
    stream.setTimeout(patience, hang) // real time
    stream.on("response", (response) => {
      resolve(String(response[":status"]))
      stream.close()
    })
    stream.on("error", () => resolve("000"))
    stream.on("close", () => resolve("000"))
    stream.end(shot.body.subarray(0, shot.sent))
  } catch {
    // The client itself refuses to send it.
    resolve("unsent")
  }
  return promise
}

/** See above. */
export const fuzz = async (requests: number, seed: number): Promise<Report> => {
  const begin = performance.now()
  const stateDir = mkdtempSync(join(tmpdir(), "devbox-fuzz-"))
  const child = fork(join(import.meta.dirname, "fuzzServer.ts"), [stateDir], {
    execArgv: ["--expose-gc", "--unhandled-rejections=strict"],
    stdio: ["ignore", "pipe", "pipe", "ipc"]
  })
  let stderr = ""
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  try {
    const [{ url }] = (await once(child, "message")) as [{ readonly url: string }]
    const port = Number(new URL(url).port)
    const held = async () => {
      child.send("memory")
      const [{ heap }] = (await once(child, "message")) as [{ readonly heap: number }]
      return Math.round(heap / 1e5) / 10
    }
    const next = random(seed)
    const statuses: Record<string, number> = {}
    const faults: Array<string> = []
    const hung: Array<string> = []
    const heap: Array<number> = []
    let session = http2.connect(url)
    session.on("error", () => {})
    const one = async () => {
      const shot = shoot(next)
      const second = next() < 0.2
      if (second && (session.closed || session.destroyed)) {
        session = http2.connect(url)
        session.on("error", () => {})
      }
      const status = second ? await overHttp2(session, shot) : await overHttp1(port, shot)
      statuses[status] = (statuses[status] ?? 0) + 1
      const about = () =>
        `${status} ${shot.what} ${second ? "h2" : "h1"} ${toBytes(shot).subarray(0, 400).toString("latin1")}`
      if (status.startsWith("5") && status !== "501") faults.push(about())
      if (status === "hung") hung.push(about())
    }
    const block = Math.ceil(requests / 10)
    for (let done = 0; done < requests && child.exitCode === null; done += block) {
      let left = Math.min(block, requests - done)
      await Promise.all(
        Array.from({ length: 16 }, async () => {
          while (left-- > 0) await one()
        })
      )
      heap.push(await held())
    }
    session.destroy()
    return {
      requests,
      seed,
      statuses,
      faults,
      hung,
      crashed: child.exitCode !== null || child.signalCode !== null,
      stderr,
      heap,
      seconds: Math.round((performance.now() - begin) / 1000)
    }
  } finally {
    child.kill("SIGKILL")
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
    rmSync(stateDir, { recursive: true, force: true })
  }
}

/** Whether memory stayed where it was once everything had been used. */
export const isFlat = (heap: ReadonlyArray<number>): boolean => {
  const middle = Math.max(...heap.slice(2, 5))
  return Math.min(...heap.slice(-3)) <= middle * 1.15 + 3
}

/** The report for people. */
export const format = (report: Report): string =>
  [
    `${report.requests} requests (seed ${report.seed}) in ${report.seconds} s: ${JSON.stringify(report.statuses)}`,
    `crashed: ${report.crashed}; 5xx that are the server's fault: ${report.faults.length}; hung: ${report.hung.length}; said: ${report.stderr.length} characters`,
    `heap after collection, MB: ${report.heap.join(" ")}; flat: ${isFlat(report.heap)}`,
    ...report.faults.slice(0, 10),
    ...report.hung.slice(0, 10),
    report.stderr.slice(0, 3000)
  ].join("\n")

if (process.argv[1] === import.meta.filename) {
  const report = await fuzz(Number(process.argv[2] ?? 20_000), Number(process.argv[3] ?? 2026))
  console.log(format(report))
  if (report.crashed || report.faults.length + report.hung.length > 0 || !isFlat(report.heap)) process.exitCode = 1
}
