/** One measurement of one client in a process of its own: `node worker.ts CLIENT WHAT URL SCALE`; prints its numbers as JSON. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { percentile } from "../stats.ts"
import { type Client, clients } from "./clients.ts"

const [name = "", what = "", url = "", scaleText = "1"] = process.argv.slice(2)
const scale = Number(scaleText)
const begun = performance.now()
const client: Client = await clients[name]!(url)
const importMs = performance.now() - begun

/** So many calls, so many at a time; how long each took in milliseconds, and how many failed. */
const calls = async (total: number, atOnce: number, call: () => Promise<unknown>) => {
  const times: Array<number> = []
  let begun = 0
  let failed = 0
  const lane = async (): Promise<void> => {
    while (begun++ < total) {
      const from = performance.now()
      try {
        await call()
        times.push(performance.now() - from)
      } catch {
        failed += 1
      }
    }
  }
  const from = performance.now()
  await Promise.all(Array.from({ length: atOnce }, lane))
  return { times, failed, seconds: (performance.now() - from) / 1000 }
}

const load = async (total: number, atOnce: number) => {
  await calls(Math.max(atOnce, Math.ceil(total / 5)), atOnce, client.look)
  const before = process.cpuUsage()
  const { failed, seconds, times } = await calls(total, atOnce, client.look)
  const { system, user } = process.cpuUsage(before)
  return {
    "calls/s": times.length / seconds,
    "p50 ms": percentile(times, 0.5),
    "p99 ms": percentile(times, 0.99),
    "processor µs a call": (user + system) / total,
    failed
  }
}

const withFile = async <A>(size: number, use: (file: string) => Promise<A>): Promise<A> => {
  const directory = mkdtempSync(join(tmpdir(), "devbox-bench-transfer-"))
  try {
    const file = join(directory, "big")
    const handle = openSync(file, "w")
    ftruncateSync(handle, size)
    closeSync(handle)
    return await use(file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const megabytesASecond = async (size: number, move: () => Promise<unknown>): Promise<number> => {
  const from = performance.now()
  await move()
  return size / 1e6 / ((performance.now() - from) / 1000)
}

const measurements: Readonly<Record<string, () => Promise<Readonly<Record<string, number>>>>> = {
  import: () => Promise.resolve({ "import ms": importMs }),
  "calls 1": () => load(Math.ceil(2000 * scale), 1),
  "calls 64": () => load(Math.ceil(20_000 * scale), 64),
  "calls 1000": () => load(Math.ceil(20_000 * scale), 1000),
  waits: async () => {
    const { failed, seconds, times } = await calls(1000, 1000, () => client.awaitRunning("dbx_1"))
    return { "all s": seconds, "p99 ms": percentile(times, 0.99), failed }
  },
  upload: async () => {
    const size = Math.ceil(1e9 * scale)
    return withFile(size, async (file) => ({ "MB/s": await megabytesASecond(size, () => client.upload(file, size)) }))
  },
  download: async () => {
    const size = Math.ceil(1e9 * scale)
    let got = 0
    const speed = await megabytesASecond(size, async () => (got = await client.download(size)))
    if (got !== size) throw new Error(`got ${got} bytes of ${size}`)
    return { "MB/s": speed }
  },
  events: async () => {
    const events = Math.ceil(50_000 * scale)
    let got = 0
    const speed = await megabytesASecond(events * 1000, async () => (got = await client.output(events)))
    if (got !== events * 1000) throw new Error(`got ${got} bytes of ${events * 1000}`)
    return { "MB/s": speed }
  },
  chaos: async () => {
    const total = Math.ceil(1000 * scale)
    let succeeded = 0
    const look = async (): Promise<void> => {
      await client.look()
      succeeded += 1
    }
    // A call that nobody answers after this long has not succeeded; some clients would wait for minutes.
    const [begun, deadline] = [performance.now(), Math.max(20_000, 90_000 * scale)]
    const late = new Promise((resolve) => setTimeout(resolve, deadline)) // a deadline in real time
    await Promise.race([calls(total, 64, look), late])
    return { "succeeded %": (succeeded / total) * 100, "all s": (performance.now() - begun) / 1000 }
  }
}

const found = await measurements[what]!()
// In kibibytes on Linux.
console.log(JSON.stringify({ ...found, "peak RSS MB": process.resourceUsage().maxRSS / 1024 }))
await client.close()
process.exit()
