/**
 * `pnpm bench server`: requests per second of a server beside a bare `node:http` handler that sends the same bytes, both with 1,000
 * open long polls, in one run; and the times of a get under 10,000 held polls. Client and servers are processes of their own.
 */
import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { percentile, type Measurements, type Row, summarise } from "../stats.ts"
import { Connection, hold, load, parse, request } from "./client.ts"

const start = async (file: string, ...args: ReadonlyArray<string>) => {
  const child = fork(join(import.meta.dirname, file), args, { stdio: ["ignore", "inherit", "inherit", "ipc"] })
  return { child, port: async () => ((await once(child, "message")) as [{ readonly port: number }])[0].port }
}

/** Waits until they are held, but for the few that are just being asked again. */
const held = async (child: ChildProcess, polls: number): Promise<void> => {
  for (;;) {
    child.send("load")
    const [{ held: now }] = (await once(child, "message")) as [{ readonly held: number }]
    if (now >= polls * 0.99) return
  }
}

/** See above. `scale` makes it longer. */
export const benchServer = async (scale: number, progress: (what: string) => void): Promise<Measurements> => {
  const stateDir = mkdtempSync(join(tmpdir(), "devbox-bench-server-"))
  const children: Array<ChildProcess> = []
  try {
    const subject = await start("subject.ts", stateDir)
    children.push(subject.child)
    const port = await subject.port()
    const one = new Connection(port)
    const ask = async (method: string, path: string, body?: string) => parse(await one.ask(request(method, path, body)))
    const box = (JSON.parse((await ask("POST", "/v1/devboxes", "{}")).body) as { readonly id: string }).id
    const execute = (id: string) => JSON.stringify({ command: "echo out", command_id: id, optimistic_timeout: 0 })
    await ask("POST", `/v1/devboxes/${box}/execute`, execute("first"))
    const paths = {
      get: `/v1/devboxes/${box}`,
      execute: `/v1/devboxes/${box}/execute`,
      stream: `/v1/devboxes/${box}/executions/first/stream_stdout_updates`,
      poll: `/v1/devboxes/${box}/wait_for_status`
    }
    const samples = [
      { path: paths.get, ...(await ask("GET", paths.get)) },
      { path: paths.execute, ...(await ask("POST", paths.execute, execute("second"))) },
      { path: paths.stream, ...(await ask("GET", paths.stream)) }
    ].map(({ body, headers, path }) => {
      const { "transfer-encoding": chunked, ...rest } = headers
      // The body of a stream came in chunks; the bare handler sends the same bytes, in chunks as well.
      const text = chunked === undefined ? body : body.replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, "").replace(/\r\n$/, "")
      return { path, body: text, headers: rest }
    })
    const bare = await start("bare.ts")
    children.push(bare.child)
    bare.child.send(samples)
    const barePort = await bare.port()
    let made = 0
    const requests: Readonly<Record<string, () => Buffer>> = {
      get: () => request("GET", paths.get),
      execute: () => request("POST", paths.execute, execute(`e${made++}`)),
      stream: () => request("GET", paths.stream)
    }
    const poll = request("POST", paths.poll, '{"statuses":["suspended"]}')
    const polls = 1000
    const release = [await hold(port, polls, poll), await hold(barePort, polls, poll)]
    await held(subject.child, polls)
    const rows: Array<Row> = []
    for (const [what, next] of Object.entries(requests)) {
      const seconds = 3 * scale
      // Here and there in turns, so that both have the same neighbours on the machine.
      const found = { server: [] as Array<number>, bare: [] as Array<number> }
      for (let turn = 0; turn < 3; turn++) {
        found.server.push((await load(port, 32, seconds / 3, next)).perSecond)
        found.bare.push((await load(barePort, 32, seconds / 3, next)).perSecond)
      }
      rows.push({
        name: `${what}, under ${polls} held polls`,
        unit: "requests/s",
        better: "more",
        summary: summarise(found.server),
        rival: { name: "a bare node:http handler that sends the same bytes", summary: summarise(found.bare) }
      })
      progress(what)
    }
    for (const end of release) end()
    const many = 10_000
    const releaseMany = await hold(port, many, poll)
    await held(subject.child, many)
    const { times } = await load(port, 8, 5 * scale, requests["get"]!)
    releaseMany()
    progress(`get under ${many} held polls`)
    one.close()
    const note = `p99 ${percentile(times, 0.99).toFixed(2)} ms`
    rows.push({ name: `get, under ${many} held polls, 8 at a time`, unit: "ms", summary: summarise(times), note })
    return { rows, absent: [] }
  } finally {
    for (const child of children) child.kill("SIGKILL")
    rmSync(stateDir, { recursive: true, force: true })
  }
}
