/**
 * Output as it streams: from a devbox of this machine beside a bare pipe of the same command, and over HTTP beside the official
 * client, from a server that sends as fast as it can.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Devbox, DevboxService } from "@effect-devbox/core"
import type { Devbox as Handle } from "@effect-devbox/core/DevboxHandle"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Layer, Stream } from "effect"
import { compare, rowsOf, withServer } from "./client/compare.ts"
import { interleaved } from "./measure.ts"
import { type Measurements, type Row, summarise } from "./stats.ts"

const megabytes = 256
const bytes = megabytes * 1e6

/** Microseconds of the wall clock, to compare with those that a shell prints. */
const now = (): number => (performance.timeOrigin + performance.now()) * 1000
/** Prints the time when asked for it. */
const clock = 'while read -r _; do echo "$EPOCHREALTIME"; done'
/** Milliseconds since a line was printed. */
const age = (line: string): number => (now() - Number(line.trim()) * 1e6) / 1000

/** From a line being printed to its being seen. */
const latency = (devbox: Handle, n: number) =>
  Effect.gen(function* () {
    const execution = yield* devbox.cmd.execAsync(clock, { attachStdin: true })
    const seen: Array<number> = []
    yield* execution.send("\n")
    yield* execution.stdout.pipe(
      Stream.take(n + 10),
      Stream.runForEach((line) => {
        seen.push(age(line))
        return execution.send("\n")
      })
    )
    return summarise(seen.slice(10))
  })

const pipeLatency = async (n: number) => {
  const child = spawn("bash", ["-c", clock], { stdio: ["pipe", "pipe", "ignore"] })
  const seen: Array<number> = []
  for (let i = 0; i < n + 10; i++) {
    child.stdin.write("\n")
    const [line] = (await once(child.stdout, "data")) as [Buffer]
    seen.push(age(line.toString()))
  }
  child.stdin.end()
  await once(child, "close")
  return summarise(seen.slice(10))
}

const flood = `head -c ${bytes} /dev/zero`

const pipeFlood = async (): Promise<number> => {
  const begun = performance.now()
  const child = spawn("bash", ["-c", flood], { stdio: ["ignore", "pipe", "ignore"] })
  let got = 0
  child.stdout.on("data", (chunk: Buffer) => (got += chunk.length))
  await once(child, "close")
  if (got !== bytes) throw new Error(`the pipe gave ${got} bytes of ${bytes}`)
  return megabytes / ((performance.now() - begun) / 1000)
}

const devboxFlood = (devbox: Handle) =>
  Effect.gen(function* () {
    const begun = performance.now()
    const execution = yield* devbox.cmd.execAsync(flood)
    const got = yield* Stream.runFold(
      execution.stdoutBytes,
      () => 0,
      (sum, piece) => sum + piece.length
    )
    if (got !== bytes) return yield* Effect.die(`the stream gave ${got} bytes of ${bytes}`)
    return megabytes / ((performance.now() - begun) / 1000)
  })

const local = (scale: number, progress: (what: string) => void) =>
  Effect.gen(function* () {
    const devbox = yield* Devbox.create()
    const { isolation = "unknown" } = yield* devbox.getInfo
    const n = Math.max(20, Math.round(200 * scale))
    const rows: Array<Row> = []
    const pipe = yield* Effect.promise(() => pipeLatency(n))
    rows.push({
      name: "line printed to line seen",
      unit: "ms",
      summary: yield* Effect.scoped(latency(devbox, n)),
      rival: { name: "a pipe", summary: pipe }
    })
    progress("latency of a line")
    const floods = yield* Effect.promise(() =>
      interleaved(
        { warmUp: 1, n: Math.max(3, Math.round(5 * scale)) },
        { devbox: () => Effect.runPromise(Effect.scoped(devboxFlood(devbox))), pipe: pipeFlood }
      )
    )
    rows.push({
      name: `output, ${megabytes} MB`,
      unit: "MB/s",
      better: "more",
      summary: floods.devbox,
      rival: { name: "a pipe", summary: floods.pipe }
    })
    progress("output")
    return { isolation, rows }
  })

/** Measures everything. */
export const benchStreams = async (scale: number, progress: (what: string) => void): Promise<Measurements> => {
  const stateDir = mkdtempSync(join(tmpdir(), "devbox-bench-"))
  chmodSync(stateDir, 0o755)
  try {
    const layer = DevboxService.layer.pipe(Layer.provide(LocalBackend.layer({ stateDir: join(stateDir, "state") })))
    const here = await Effect.runPromise(Effect.scoped(local(scale, progress)).pipe(Effect.provide(layer)))
    const found = await withServer([], (url) => compare("events", url, scale, 3))
    progress("events")
    const remote = rowsOf(found, [
      { key: "MB/s", name: "output over HTTP in events of 1 kB", unit: "MB/s", better: "more" },
      { key: "peak RSS MB", name: "most memory of these events", unit: "MB" }
    ])
    return { where: here.isolation, rows: [...here.rows, ...remote], absent: [] }
  } finally {
    rmSync(stateDir, { recursive: true, force: true })
  }
}
