/**
 * `pnpm bench client`: ours against the official client, on one server in a process of its own, each measurement in a process of its
 * own and the clients in turn, so that all see the same machine. Numbers only; it judges nothing.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundle } from "../../bundle/bundle.ts"
import { clients } from "./clients.ts"

type Numbers = Readonly<Record<string, number>>

/** What was measured, by measurement and client. */
export type Report = Readonly<Record<string, Readonly<Record<string, Numbers>>>>

const here = (file: string): string => join(import.meta.dirname, file)

const startServer = async (args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [here("server.ts"), ...args], { stdio: ["pipe", "pipe", "inherit"] })
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await once(child, "exit")
  }
  return { url: line.toString().trim(), stop }
}

const work = async (client: string, what: string, url: string, scale: number): Promise<Numbers> => {
  const child = spawn(process.execPath, [here("worker.ts"), client, what, url, String(scale)], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let said = ""
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, "close")) as [number | null]
  if (code !== 0) throw new Error(`measuring ${what} of ${client} ended with ${code}`)
  return JSON.parse(said) as Numbers
}

const middle = (all: ReadonlyArray<Numbers>): Numbers =>
  Object.fromEntries(
    Object.keys(all[0] ?? {}).map((key) => [
      key,
      all.map((one) => one[key] ?? Number.NaN).toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN
    ])
  )

/** The sizes of programs that create a devbox and run a command, and of what such a program on Effect has in any case. */
const sizes = async (): Promise<Readonly<Record<string, Numbers>>> => {
  const directory = mkdtempSync(join(import.meta.dirname, "size-"))
  try {
    const officialEntry = join(directory, "official.ts")
    writeFileSync(officialEntry, `export { RunloopSDK } from "@runloop/api-client"\n`)
    const kilobytes = async (entry: string) => ({ "minified and gzipped kB": (await bundle(entry)).gzipBytes / 1000 })
    return {
      "official 1.32.0": await kilobytes(officialEntry),
      ours: await kilobytes(join(import.meta.dirname, "../../bundle/runloop.ts")),
      "Effect, streams, schemas and HTTP alone": await kilobytes(here("effectAlone.ts"))
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Measures everything. */
export const benchClient = async (scale: number, progress: (what: string) => void): Promise<Report> => {
  const report: Record<string, Record<string, Numbers>> = {}
  const rounds = 3
  const compare = async (what: string, url: string, times = rounds): Promise<void> => {
    const found: Record<string, Array<Numbers>> = {}
    for (let round = 0; round < times; round++) {
      for (const client of Object.keys(clients)) (found[client] ??= []).push(await work(client, what, url, scale))
    }
    report[what] = Object.fromEntries(Object.entries(found).map(([client, all]) => [client, middle(all)]))
    progress(what)
  }
  const server = await startServer([])
  try {
    await compare("import", server.url)
    for (const what of ["calls 1", "calls 64", "calls 1000", "waits"]) await compare(what, server.url)
    for (const what of ["upload", "download"]) await compare(what, server.url, 1)
  } finally {
    await server.stop()
  }
  const chaotic = await startServer(["--chaos", "2026"])
  try {
    await compare("chaos", chaotic.url, 1)
  } finally {
    await chaotic.stop()
  }
  report["size"] = await sizes()
  return report
}

const shown = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** The report as lines for people. */
export const format = (report: Report): string =>
  Object.entries(report)
    .flatMap(([what, byClient]) => [
      what,
      ...Object.entries(byClient).map(
        ([client, numbers]) =>
          `  ${client.padEnd(42)}${Object.entries(numbers)
            .map(([key, value]) => `${key} ${shown(value)}`)
            .join(" · ")}`
      )
    ])
    .join("\n")
