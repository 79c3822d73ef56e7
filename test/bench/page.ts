/**
 * Writes `docs/benchmarks.md` and its plots from `docs/benchmarks.json`: `node test/bench/page.ts`. A test compares them, so that the
 * page never says what was not measured.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { bars, lines } from "./plot.ts"
import { digits, type Report } from "./report.ts"
import { ratio, type Row } from "./stats.ts"

const docs = resolve(import.meta.dirname, "../../docs")
const official = "official 1.32.0"

type Plot = (rows: ReadonlyArray<Row>) => string

const find = (rows: ReadonlyArray<Row>, name: string): Row => {
  const row = rows.find((each) => each.name === name)
  if (row === undefined) throw new Error(`nothing measured is called ${JSON.stringify(name)}`)
  return row
}

const callsPlot: Plot = (rows) => {
  const atOnce = [1, 64, 1000]
  const row = (count: number, client: string) => find(rows, `calls, ${count} at a time, ${client}`)
  const clients = ["ours, HTTP/1.1", "ours, HTTP/2"]
  return lines("Calls a second", { label: "calls at a time", log: true }, { label: "calls/s" }, [
    { name: official, points: atOnce.map((count) => [count, row(count, clients[0]!).rival!.summary.p50]) },
    ...clients.map((name) => ({ name, points: atOnce.map((count) => [count, row(count, name).summary.p50] as const) }))
  ])
}

/** How long the quickest share of the calls took at most. */
const shares = (named: ReadonlyArray<readonly [name: string, summary: Row["summary"]]>) =>
  named.map(([name, { quantiles }]) => ({
    name,
    points: quantiles.map((value, index) => [index * 5, value] as const)
  }))

const sharesPlot =
  (title: string, rowName: string, ours: string, theirs: string): Plot =>
  (rows) => {
    const { rival, summary } = find(rows, rowName)
    return lines(
      title,
      { label: "so many percent took no longer than" },
      { label: "ms", log: true },
      shares([
        [ours, summary],
        [theirs, rival!.summary]
      ])
    )
  }

const disks = ["10 MB in 100 files", "1 GB in 16 files", "100,000 files of 4 KB"]
const snapshotsPlot: Plot = (rows) =>
  bars(
    "Snapshots of disks of different sizes",
    { label: "ms", log: true },
    ["snapshot, nothing runs", "snapshot, a program writes", "cp -a of the same files"],
    disks.map((name) => {
      const live = find(rows, `${name}: snapshot, a program writes`)
      const idle = find(rows, `${name}: snapshot, nothing runs`)
      return { name, values: [idle.summary.p50, live.summary.p50, live.rival!.summary.p50] }
    })
  )

interface Section {
  readonly title: string
  readonly about: string
  readonly plots?: Readonly<Record<string, Plot>>
}

const sections: Readonly<Record<string, Section>> = {
  local: {
    title: "The embedded backend",
    about:
      "Behind the network proxy, as is the default. A command in a devbox is compared with the bare spawn of the same command on the machine.",
    plots: { exec: sharesPlot("A command, to its end", 'exec "echo hi"', "in a devbox", "bare spawn") }
  },
  streams: {
    title: "Streams",
    about:
      "Output of a devbox of this machine, which is also written down so that it can be read again, beside a bare pipe; and output over HTTP beside the official client."
  },
  snapshots: {
    title: "Snapshots",
    about:
      "A devbox at rest gives its layer away, whatever its size; one in which something writes is copied while it stands still, by reflinks where the file system has them.",
    plots: { snapshots: snapshotsPlot }
  },
  tunnels: {
    title: "Ways in",
    about: "The same server, asked through the tunnel of a devbox and directly on this machine.",
    plots: {
      tunnel: sharesPlot(
        "GET on an open connection",
        "GET, open connection",
        "through a tunnel",
        "the same server, asked directly"
      )
    }
  },
  server: {
    title: "The server",
    about:
      "`DevboxServer` over the in-memory backend, with a thousand open long polls, beside a bare handler that sends canned bytes."
  },
  client: {
    title: "The client",
    about:
      "Against the official TypeScript client on one server. With many calls at a time it is Effect's fibers, schema checks and spans that cost; what they buy shows on a bad network, where a tenth of the sockets is dropped and a tenth is reset, and in the memory of large files.",
    plots: { calls: callsPlot }
  },
  weight: { title: "Weight", about: "The smallest useful program on Runloop: create a devbox, run a command." }
}

const value = (number: number, unit: string): string => `${digits(number)} ${unit}`

const line = (row: Row): string => {
  const { better, name, note, rival, summary, unit } = row
  const worse = better === "more" ? summary.quantiles[1]! : summary.p95
  return [
    "",
    name,
    value(summary.p50, unit),
    summary.n > 1 ? digits(worse) : "",
    rival === undefined ? "" : `${value(rival.summary.p50, unit)}, ${rival.name}`,
    ratio(row)?.toFixed(2) ?? "",
    `${better === "more" ? "more is better" : ""}${better === "more" && note !== undefined ? "; " : ""}${note ?? ""}`,
    ""
  ]
    .join(" | ")
    .trim()
}

/** The page and its plots, by their names in `docs`. */
export const page = (report: Report): ReadonlyMap<string, string> => {
  const { benchmarks, date, load, machine } = report
  const files = new Map<string, string>()
  const parts = Object.entries(sections).flatMap(([name, { about, plots = {}, title }]) => {
    const found = benchmarks.find((benchmark) => benchmark.name === name)
    if (found === undefined) return []
    for (const [file, plot] of Object.entries(plots)) files.set(`benchmarks/${file}.svg`, plot(found.rows))
    return [
      `## ${title} (\`pnpm bench ${name}\`)`,
      `${about}${found.where === undefined ? "" : ` Measured: ${found.where}.`}`,
      [
        "| Measured | p50 | p95 (p5) | Rival, p50 | Ratio | |",
        "|---|---|---|---|---|---|",
        ...found.rows.map(line)
      ].join("\n"),
      ...Object.keys(plots).map((file) => `![${title}: ${file}](benchmarks/${file}.svg)`),
      ...found.absent.map((missing) => `Not measured: ${missing}.`)
    ]
  })
  files.set(
    "benchmarks.md",
    [
      "<!-- written by test/bench/page.ts from benchmarks.json -->",
      "# Benchmarks",
      `\`pnpm bench\` measures everything in less than ten minutes and prints one table; \`pnpm bench NAME\` measures one part at length, and
\`--json FILE\` writes the numbers. Each rival is measured in the same run, turn by turn where both can be, and what counts is the ratio: how
many times the rival, at the median. p95 is a bad case; of speeds that is the 5th percentile. Machines differ, and
so do their hours. A rival that is not installed is absent, not estimated. No test fails for being slow.`,
      `Machine: ${machine.system}, ${machine.cores} x ${machine.processor}, ${machine.memoryGiB} GiB, Node ${machine.node}. ${date.slice(0, 10)}, load ${load.before.toFixed(1)} before and
${load.after.toFixed(1)} after, its own work included.${load.before > machine.cores / 4 ? " It was busy with other things: only the ratios say something." : ""}`,
      ...parts
    ].join("\n\n") + "\n"
  )
  return files
}

/** What was measured last. */
export const measured = (): Report => JSON.parse(readFileSync(join(docs, "benchmarks.json"), "utf8")) as Report

if (import.meta.main) {
  for (const [name, text] of page(measured())) {
    mkdirSync(dirname(join(docs, name)), { recursive: true })
    writeFileSync(join(docs, name), text)
  }
}
