/**
 * The ways into a devbox, beside none: the same server, asked directly on this machine and through the tunnel of a devbox in
 * turns; logins with the system's ssh; and many WebSockets held open. The devbox is detached, so that its gateway has a
 * process of its own as the client has.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import * as http from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { DevboxService } from "@effect-devbox/core"
import { LocalBackend, SshFiles } from "@effect-devbox/node"
import { Effect, Layer, Stream } from "effect"
import { localhostIsHere } from "../node/gates/clients.ts"
import { interleaved, repeated } from "./measure.ts"
import { type Measurements, type Row, summarise } from "./stats.ts"

interface Held {
  readonly open: number
  readonly seconds: number
  readonly messages: number
  readonly dropped: number
}

const program = join(import.meta.dirname, "../node/gates/server.cjs")
const megabytes = 400
const run = promisify(execFile)

/** One answer, to its last byte. */
const get = (url: string, agent: http.Agent | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const { host, pathname, port: at } = new URL(url)
    http
      .get({ host: "127.0.0.1", port: at, path: pathname, headers: { host }, agent: agent ?? false }, (answer) => {
        answer
          .resume()
          .once("end", () =>
            answer.statusCode === 200 ? resolve() : reject(new Error(`${url}: ${answer.statusCode}`))
          )
      })
      .once("error", reject)
  })

/** Megabytes in a second, by curl. */
const download = async (url: string): Promise<number> => {
  const { stdout } = await run("curl", [
    "-sSf",
    "-o",
    "/dev/null",
    "-w",
    "%{speed_download}",
    `${url}/bytes?n=${megabytes * 1e6}`
  ])
  return Number(stdout) / 1e6
}

const upload = async (url: string): Promise<number> => {
  const { stdout } = await run("sh", [
    "-c",
    `head -c ${megabytes * 1e6} /dev/zero | curl -sSf -o /dev/null -w '%{speed_upload}' -H Expect: -T - '${url}/up'`
  ])
  return Number(stdout) / 1e6
}

/** Opens WebSockets, has each say something every second and counts those that did not stay or did not answer. */
const hold = async (url: string, wished: number, seconds: number): Promise<Held> => {
  const ends = performance.now() + seconds * 1000
  let messages = 0
  let dropped = 0
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = new WebSocket(url.replace("http:", "ws:"))
      let over = false
      let timer: NodeJS.Timeout | undefined
      const say = () => {
        if (performance.now() < ends) return socket.send("still there?")
        over = true
        socket.close()
      }
      socket.onopen = say
      socket.onmessage = () => {
        messages++
        // Once a second in real time is what is measured.
        timer = setTimeout(say, 1000)
      }
      socket.onclose = () => {
        clearTimeout(timer)
        if (!over) dropped++
        resolve()
      }
    })
  await Promise.all(Array.from({ length: wished }, one))
  return { open: wished, seconds, messages, dropped }
}

/** Runs everything. `scale` multiplies the repetitions and the time that WebSockets are held, which is one minute at 1. */
export const benchTunnels = async (scale: number, progress: (what: string) => void): Promise<Measurements> => {
  const stateDir = mkdtempSync(join(tmpdir(), "devbox-bench-"))
  chmodSync(stateDir, 0o755)
  const times = (n: number): number => Math.max(3, Math.round(n * scale))
  const direct: ChildProcess = spawn(process.execPath, [program, "0"], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const [said] = (await once(direct.stdout!, "data")) as [Buffer]
  const plain = `http://127.0.0.1:${/\d+/.exec(said.toString())?.[0]}`

  const measure = Effect.gen(function* () {
    const service = yield* DevboxService
    const devbox = yield* Effect.acquireRelease(service.createDetached({ tunnel: {} }), (box) =>
      Effect.orDie(box.close)
    )
    yield* devbox.file.write("server.cjs", readFileSync(program, "utf8"))
    const server = yield* devbox.cmd.execDetached(["node", "server.cjs", "3000"])
    yield* Stream.runHead(server.stdout)
    const url = (yield* devbox.net.getTunnel)!.url(3000)
    const isolation = (yield* devbox.getInfo).isolation ?? "unknown"
    const files = yield* SshFiles.write(devbox, join(stateDir, "keys"), { name: "box" })
    yield* localhostIsHere
    return yield* Effect.promise(async () => {
      const rows: Array<Row> = []
      const agents = { direct: new http.Agent({ keepAlive: true }), tunnel: new http.Agent({ keepAlive: true }) }
      const kept = await interleaved(
        { warmUp: 20, n: times(500) },
        { direct: () => get(`${plain}/x`, agents.direct), tunnel: () => get(`${url}/x`, agents.tunnel) }
      )
      for (const agent of Object.values(agents)) agent.destroy()
      const beside = (summary: Row["summary"]) => ({ name: "the same server, asked directly", summary })
      rows.push({ name: "GET, open connection", unit: "ms", summary: kept.tunnel, rival: beside(kept.direct) })
      progress("latency on open connections")
      const fresh = await interleaved(
        { warmUp: 5, n: times(200) },
        { direct: () => get(`${plain}/x`, undefined), tunnel: () => get(`${url}/x`, undefined) }
      )
      rows.push({ name: "GET, new connection", unit: "ms", summary: fresh.tunnel, rival: beside(fresh.direct) })
      progress("latency on new connections")
      const speeds = await interleaved(
        { warmUp: 1, n: times(10) },
        {
          downDirect: () => download(plain),
          down: () => download(url),
          upDirect: () => upload(plain),
          up: () => upload(url)
        }
      )
      const moved = (name: string, summary: Row["summary"], direct: Row["summary"]) =>
        rows.push({ name: `${name}, ${megabytes} MB`, unit: "MB/s", better: "more", summary, rival: beside(direct) })
      moved("download", speeds.down, speeds.downDirect)
      moved("upload", speeds.up, speeds.upDirect)
      progress("throughput")
      const [ssh = "", ...args] = files.command
      const login = await repeated({ warmUp: 2, n: times(40) }, async () => void (await run(ssh, [...args, "true"])))
      rows.push({ name: "ssh: connect, log in, run true, end", unit: "ms", summary: login })
      progress("ssh")
      const { dropped, messages, open, seconds } = await hold(url, 500, Math.max(2, Math.round(60 * scale)))
      const note = `${messages} messages there and back in ${seconds} s`
      rows.push({ name: `WebSockets dropped, of ${open}`, unit: "sockets", summary: summarise([dropped]), note })
      progress("WebSockets")
      return { where: isolation, rows, absent: [] }
    })
  })
  try {
    const layer = DevboxService.layer.pipe(Layer.provideMerge(LocalBackend.layer({ stateDir })))
    return await Effect.runPromise(Effect.scoped(measure).pipe(Effect.provide(layer)))
  } finally {
    direct.kill()
    rmSync(stateDir, { recursive: true, force: true, maxRetries: 10 })
  }
}
