/**
 * Ours against the official client, on one server in a process of its own, each measurement in a process of its own and the clients
 * in turn, so that all see the same machine. What is measured is in `worker.ts`.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { type Row, summarise } from "../stats.ts"
import { clients } from "./clients.ts"

type Numbers = Readonly<Record<string, number>>

/** What each client gave, round by round. */
export type Found = Readonly<Record<string, ReadonlyArray<Numbers>>>

/** Which number of a measurement is a row, and what the row is called. */
export interface Wanted {
  readonly key: string
  readonly name: string
  readonly unit: string
  readonly better?: "more"
}

const official = "official 1.32.0"
const here = (file: string): string => join(import.meta.dirname, file)

/** Starts the server, and ends it when it was used. */
export const withServer = async <A>(args: ReadonlyArray<string>, use: (url: string) => Promise<A>): Promise<A> => {
  const child = spawn(process.execPath, [here("server.ts"), ...args], { stdio: ["pipe", "pipe", "inherit"] })
  const gone = once(child, "exit")
  try {
    const [line] = (await once(child.stdout, "data")) as [Buffer]
    return await use(line.toString().trim())
  } finally {
    child.stdin.end()
    await gone
  }
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

/** Measures one thing of every client, so many times. */
export const compare = async (what: string, url: string, scale: number, rounds: number): Promise<Found> => {
  const found: Record<string, Array<Numbers>> = {}
  for (let round = 0; round < rounds; round++) {
    for (const client of Object.keys(clients)) (found[client] ??= []).push(await work(client, what, url, scale))
  }
  return found
}

/** A row for each of our two clients beside the official one. */
export const rowsOf = (found: Found, wanted: ReadonlyArray<Wanted>): ReadonlyArray<Row> =>
  wanted.flatMap(({ key, name, ...rest }) => {
    const of = (client: string) => summarise((found[client] ?? []).map((numbers) => numbers[key] ?? Number.NaN))
    return Object.keys(found)
      .filter((client) => client !== official)
      .map((client) => ({
        name: `${name}, ${client}`,
        summary: of(client),
        rival: { name: official, summary: of(official) },
        ...rest
      }))
  })
