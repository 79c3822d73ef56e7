/**
 * `pnpm bench [NAME...] [--json FILE] [--scale N]`: measures, prints one table, and writes the numbers to a file if asked. Without names it
 * runs everything, each part shortened so that the whole takes less than ten minutes. Started by root it measures the local
 * backend as an ordinary user, and by name as root as well. Its exit status says whether it ran, never whether it was fast.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { benchClient } from "./client/main.ts"
import { benchLocal } from "./local.ts"
import { load, machine } from "./machine.ts"
import { type Report, table } from "./report.ts"
import { benchServer } from "./server/main.ts"
import { benchSnapshots } from "./snapshots.ts"
import type { Measurements } from "./stats.ts"
import { benchStreams } from "./streams.ts"
import { benchTunnels } from "./tunnels.ts"
import { benchWeight } from "./weight.ts"

interface Benchmark {
  readonly run: (scale: number, progress: (what: string) => void) => Promise<Measurements>
  /** How much of it is enough where everything is measured. */
  readonly share: number
  readonly asOrdinaryUser?: true
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  client: { run: benchClient, share: 0.15 },
  local: { run: benchLocal, share: 0.5, asOrdinaryUser: true },
  server: { run: benchServer, share: 1 },
  streams: { run: benchStreams, share: 1 },
  snapshots: { run: benchSnapshots, share: 0.3 },
  tunnels: { run: benchTunnels, share: 0.25 },
  weight: { run: benchWeight, share: 1 }
}

/** No account has this id; nothing has to be added to the machine. */
const ordinary = 47_110

/** Measures in a process of its own, so that no run inherits the heap of another. */
const measure = async (name: string, scale: number, asUser: number | undefined): Promise<Measurements> => {
  const home = mkdtempSync(join(tmpdir(), "devbox-bench-home-"))
  try {
    if (asUser !== undefined) chownSync(home, asUser, asUser)
    const command = [process.execPath, join(import.meta.dirname, "main.ts"), name, "--child", "--scale", String(scale)]
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
    if (code !== 0) throw new Error(`measuring ${name} ended with ${code}`)
    return JSON.parse(said) as Measurements
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

const measureAll = async (names: ReadonlyArray<string>, scale: number): Promise<Report> => {
  const date = new Date().toISOString()
  const before = load()
  const about = machine()
  console.log(`${about.system}, ${about.cores} x ${about.processor}, ${about.memoryGiB} GiB, Node ${about.node}`)
  console.log(`before: ${before.text}`)
  const found: Array<Report["benchmarks"][number]> = []
  for (const name of names.length === 0 ? Object.keys(benchmarks) : names) {
    const { asOrdinaryUser, share } = benchmarks[name]!
    const isRoot = process.getuid?.() === 0
    const users = isRoot && asOrdinaryUser ? (names.length === 0 ? [ordinary] : [undefined, ordinary]) : [undefined]
    for (const user of users) {
      process.stderr.write(`${name}\n`)
      const begun = performance.now()
      const measurements = await measure(name, names.length === 0 ? scale * share : scale, user)
      found.push({ name, seconds: Math.round((performance.now() - begun) / 1000), ...measurements })
    }
  }
  return { date, machine: about, load: { before: before.average, after: load().average }, benchmarks: found }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string" },
    scale: { type: "string", default: "1" },
    /** Used by itself: measure as whoever this is and print the measurements as JSON. */
    child: { type: "boolean", default: false }
  }
})
const scale = Number(values.scale)
const unknown = positionals.filter((name) => !Object.hasOwn(benchmarks, name))

if (unknown.length > 0 || !(scale > 0)) {
  const names = Object.keys(benchmarks).join(", ")
  console.error(`usage: pnpm bench [NAME...] [--json FILE] [--scale N]\nbenchmarks: ${names}`)
  process.exitCode = 2
} else if (values.child) {
  const progress = (what: string): void => void process.stderr.write(`  measured: ${what}\n`)
  process.stdout.write(JSON.stringify(await benchmarks[positionals[0]!]!.run(scale, progress)))
} else {
  const report = await measureAll(positionals, scale)
  console.log(`\n${table(report)}\n`)
  console.log(`after: ${load().text} (the benchmark's own work included)`)
  const seconds = report.benchmarks.reduce((sum, benchmark) => sum + benchmark.seconds, 0)
  console.log(`${seconds} s: ${report.benchmarks.map((each) => `${each.name} ${each.seconds}`).join(", ")}`)
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`)
    console.log(`written to ${values.json}`)
  }
}
