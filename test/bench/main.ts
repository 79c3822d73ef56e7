/**
 * `pnpm bench NAME [--json FILE] [--scale N]`: measures, prints a table, and writes the numbers to a file if asked. Started by
 * root it measures as root and then as an ordinary user. Its exit status says whether it ran, never whether it was fast.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, chownSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { benchClient, format as formatClient } from "./client/report.ts"
import { benchDisk } from "./disk.ts"
import { benchLocal, type LocalReport } from "./local.ts"
import { load, machine } from "./machine.ts"
import { benchServer, formatServer } from "./server/main.ts"
import { benchNetwork } from "./network.ts"
import { table } from "./stats.ts"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string" },
    scale: { type: "string", default: "1" },
    /** Used by itself: measure as whoever this is and print the report as JSON. */
    child: { type: "boolean", default: false }
  }
})

const usage = "usage: pnpm bench NAME [--json FILE] [--scale N]"
const scale = Number(values.scale)
/** No account has this id; nothing has to be added to the machine. */
const ordinary = 47_110

const progress = (what: string): void => void process.stderr.write(`  measured: ${what}\n`)

/** Measures in a process of its own, so that no run inherits the heap of another. */
const measure = async (asUser: number | undefined): Promise<LocalReport> => {
  const home = mkdtempSync(join(tmpdir(), "devbox-bench-home-"))
  try {
    if (asUser !== undefined) chownSync(home, asUser, asUser)
    const command = [
      process.execPath,
      join(import.meta.dirname, "main.ts"),
      "local",
      "--child",
      "--scale",
      values.scale
    ]
    const dropping = ["setpriv", `--reuid=${asUser}`, `--regid=${asUser}`, "--clear-groups"]
    const [program = "", ...args] = asUser === undefined ? command : [...dropping, ...command]
    const env = {
      ...process.env,
      PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
      ...(asUser === undefined
        ? {}
        : { HOME: home, XDG_STATE_HOME: join(home, "state"), NODE_COMPILE_CACHE: join(home, "cache") })
    }
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env })
    let said = ""
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()))
    const [code] = (await once(child, "close")) as [number | null]
    if (code !== 0) throw new Error(`the measuring process ended with ${code}`)
    return JSON.parse(said) as LocalReport
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

const benchmarks: Readonly<Record<string, () => Promise<void>>> = {
  client: async () => {
    const date = new Date().toISOString()
    const about = machine()
    const before = load()
    console.log(
      `${about.system}, ${about.cores} x ${about.processor}, ${about.memoryGiB} GiB, Node ${about.node}\nbefore: ${before.text}`
    )
    const report = await benchClient(scale, progress)
    const after = load()
    console.log(`\n${formatClient(report)}\n\nafter: ${after.text} (the benchmark's own work included)`)
    if (values.json !== undefined) {
      const all = {
        benchmark: "client",
        date,
        scale,
        machine: about,
        load: { before: before.average, after: after.average },
        report
      }
      writeFileSync(values.json, `${JSON.stringify(all, null, 2)}\n`)
      console.log(`written to ${values.json}`)
    }
  },
  disk: async () => {
    const about = machine()
    const before = load()
    const report = await benchDisk(scale, progress)
    console.log(`${about.system}, ${about.cores} x ${about.processor}, Node ${about.node}\nbefore: ${before.text}`)
    console.log(`\n${table("disks of the local backend", report.rows)}`)
    for (const missing of report.absent) console.log(`not measured: ${missing}`)
    const after = load()
    console.log(`after: ${after.text} (the benchmark's own work included)`)
    if (values.json !== undefined) {
      const loads = { before: before.average, after: after.average }
      const date = new Date().toISOString()
      const whole = { benchmark: "disk", date, scale, machine: about, load: loads, report }
      writeFileSync(values.json, `${JSON.stringify(whole, null, 2)}\n`)
      console.log(`written to ${values.json}`)
    }
  },
  local: async () => {
    if (values.child) {
      process.stdout.write(JSON.stringify(await benchLocal(scale, progress)))
      return
    }
    const date = new Date().toISOString()
    const about = machine()
    const before = load()
    console.log(
      `${about.system}, ${about.cores} x ${about.processor}, ${about.memoryGiB} GiB, Node ${about.node}\nbefore: ${before.text}`
    )
    const users = process.getuid?.() === 0 ? [undefined, ordinary] : [undefined]
    const reports: Array<LocalReport> = []
    for (const user of users) {
      const report = await measure(user)
      reports.push(report)
      console.log(`\n${table(`local backend, ${report.isolation}, as ${report.user}`, report.rows)}`)
      for (const missing of report.absent) console.log(`not measured: ${missing}`)
    }
    const after = load()
    console.log(`\nafter: ${after.text} (the benchmark's own work included)`)
    if (values.json !== undefined) {
      const report = {
        benchmark: "local",
        date,
        scale,
        machine: about,
        load: { before: before.average, after: after.average },
        reports
      }
      writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
      console.log(`written to ${values.json}`)
    }
  },
  network: async () => {
    const about = machine()
    const before = load()
    const report = await benchNetwork(scale, progress)
    const { dropped, messages, open, seconds } = report.sockets
    console.log(`${about.system}, ${about.cores} x ${about.processor}, Node ${about.node}\nbefore: ${before.text}`)
    console.log(`\n${table(`ways into a devbox, ${report.isolation}`, report.rows)}`)
    console.log(`\n${open} WebSockets for ${seconds} s: ${messages} messages there and back, ${dropped} dropped`)
    const after = load()
    console.log(`after: ${after.text} (the benchmark's own work included)`)
    if (values.json !== undefined) {
      const date = new Date().toISOString()
      const loads = { before: before.average, after: after.average }
      writeFileSync(
        values.json,
        `${JSON.stringify({ benchmark: "network", date, scale, machine: about, load: loads, report }, null, 2)}\n`
      )
      console.log(`written to ${values.json}`)
    }
  },
  server: async () => {
    const about = machine()
    const before = load()
    console.log(
      `${about.system}, ${about.cores} x ${about.processor}, ${about.memoryGiB} GiB, Node ${about.node}\nbefore: ${before.text}`
    )
    const report = await benchServer(scale, progress)
    console.log(`\n${formatServer(report)}`)
    const after = load()
    console.log(`after: ${after.text} (the benchmark's own work included)`)
    if (values.json !== undefined) {
      const date = new Date().toISOString()
      const loads = { before: before.average, after: after.average }
      writeFileSync(
        values.json,
        `${JSON.stringify({ benchmark: "server", date, scale, machine: about, load: loads, report }, null, 2)}\n`
      )
      console.log(`written to ${values.json}`)
    }
  }
}

const benchmark = positionals.length === 1 ? benchmarks[positionals[0] ?? ""] : undefined
if (benchmark === undefined || !(scale > 0)) {
  console.error(`${usage}\nbenchmarks: ${Object.keys(benchmarks).join(", ")}`)
  process.exitCode = 2
} else {
  await benchmark()
}
