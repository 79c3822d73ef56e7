/**
 * The local backend through the SDK, as a program uses it: creating, running, copying, and what a devbox costs while
 * it does nothing. Commands are compared with a bare `child_process.spawn` of the same command, turn by turn.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Devbox, DevboxService } from "@effect-devbox/core"
import type { Devbox as Handle } from "@effect-devbox/core/DevboxHandle"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Exit, Layer, ManagedRuntime, Scope, Stream } from "effect"
import * as Proc from "../tools/proc.ts"
import { dockerRows } from "./docker.ts"
import { interleaved, repeated } from "./measure.ts"
import { type Measurements, type Row, summarise } from "./stats.ts"

const text = "echo hi"
const mebibyte = 2 ** 20
const transfer = 64
const slotsLeave = 4000

/** The same command without any of this. */
const bare = async (program: string, args: ReadonlyArray<string>): Promise<void> => {
  const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"] })
  let said = ""
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()))
  child.stderr.resume()
  await once(child, "close")
  if (said !== "hi\n") throw new Error(`${program} said ${JSON.stringify(said)}`)
}

/** The processes below this one: those of the devboxes, when nothing else was started. */
const descendants = (): ReadonlyArray<number> =>
  Proc.pids().filter((pid) => pid !== process.pid && Proc.withAncestors(pid).has(process.pid))

/** The memory of processes in MiB, what they share counted in shares. */
const pss = (pids: ReadonlyArray<number>): number =>
  pids.reduce((sum, pid) => sum + Number(/^Pss:\s+(\d+)/m.exec(Proc.file(pid, "smaps_rollup"))?.[1] ?? 0) / 1024, 0)

/** Runs everything. `scale` multiplies the number of repetitions. */
export const benchLocal = async (scale: number, progress: (what: string) => void): Promise<Measurements> => {
  const stateDir = mkdtempSync(join(tmpdir(), "devbox-bench-"))
  chmodSync(stateDir, 0o755)
  const runtime = ManagedRuntime.make(
    DevboxService.layer.pipe(Layer.provide(LocalBackend.layer({ stateDir: join(stateDir, "state") })))
  )
  const run = <A>(program: Effect.Effect<A, unknown, DevboxService>): Promise<A> => runtime.runPromise(program)
  const scoped = <A>(program: Effect.Effect<A, unknown, DevboxService | Scope.Scope>): Promise<A> =>
    run(Effect.scoped(program))
  const times = (n: number): number => Math.max(3, Math.round(n * scale))
  const rows: Array<Row> = []
  const add = (
    name: string,
    unit: string,
    summary: Row["summary"],
    about: Pick<Row, "rival" | "better" | "note"> = {}
  ) => {
    rows.push({ name, unit, summary, ...about })
    progress(name)
  }

  const creating = async () => {
    const creates = (network: "none" | "proxy") => () =>
      scoped(
        Effect.gen(function* () {
          const begun = performance.now()
          yield* Devbox.create({ network })
          return performance.now() - begun
        })
      )
    const create = await interleaved({ warmUp: 3, n: times(40) }, { proxy: creates("proxy"), none: creates("none") })
    add("create until it runs", "ms", create.proxy, {
      rival: { name: "the same without a network", summary: create.none }
    })
    const first = await repeated({ warmUp: 3, n: times(40) }, () =>
      scoped(
        Effect.gen(function* () {
          const begun = performance.now()
          const devbox = yield* Devbox.create()
          const execution = yield* devbox.cmd.execAsync(text)
          yield* Stream.runHead(execution.stdout)
          return performance.now() - begun
        })
      )
    )
    add("create to a first command's output", "ms", first)
    const ending = await repeated({ warmUp: 1, n: times(20) }, async () => {
      const devbox = await run(Devbox.createDetached().pipe(Effect.map((box) => box)))
      const begun = performance.now()
      await run(devbox.close)
      return performance.now() - begun
    })
    add("shutdown of a detached devbox", "ms", ending)
  }

  const running = (devbox: Handle) => async () => {
    const asText = await interleaved(
      { warmUp: 20, n: times(200) },
      {
        devbox: () => run(devbox.cmd.exec(text)).then(() => {}),
        bare: () => bare("bash", ["-c", text])
      }
    )
    add(`exec "${text}"`, "ms", asText.devbox, { rival: { name: `spawn of bash -c "${text}"`, summary: asText.bare } })
    const asWords = await interleaved(
      { warmUp: 20, n: times(200) },
      {
        devbox: () => run(devbox.cmd.exec(["echo", "hi"])).then(() => {}),
        bare: () => bare("echo", ["hi"])
      }
    )
    add('exec ["echo", "hi"]', "ms", asWords.devbox, { rival: { name: "spawn of echo hi", summary: asWords.bare } })
    const shell = devbox.cmd.shell("bench")
    add(
      "command in a named shell",
      "ms",
      await repeated({ warmUp: 20, n: times(200) }, () => run(shell.exec(text)).then(() => {})),
      { note: "aim: 0.5" }
    )
    const killing = await repeated({ warmUp: 5, n: times(100) }, () =>
      scoped(
        Effect.gen(function* () {
          const execution = yield* devbox.cmd.execAsync("sleep 1000 & sleep 1000 & echo up; wait")
          yield* Stream.runHead(execution.stdout)
          const begun = performance.now()
          yield* execution.kill({ signal: "SIGKILL" })
          return performance.now() - begun
        })
      )
    )
    add("kill of a group of three, confirmed", "ms", killing, { note: "aim: 5" })
  }

  const copying = (devbox: Handle) => async () => {
    const chunk = new Uint8Array(mebibyte)
    const contents = Stream.range(1, transfer).pipe(Stream.map(() => chunk))
    const speed = (move: () => Promise<void>) => async () => {
      const begun = performance.now()
      await move()
      return (transfer / (performance.now() - begun)) * 1000
    }
    const rounds = { warmUp: 1, n: times(5) }
    const upload = await repeated(
      rounds,
      speed(() => run(devbox.file.upload("bench.bin", contents)))
    )
    add(`upload ${transfer} MiB`, "MiB/s", upload, { better: "more" })
    const download = await repeated(
      rounds,
      speed(() => run(Stream.runDrain(devbox.file.downloadStream("bench.bin"))))
    )
    add(`download ${transfer} MiB`, "MiB/s", download, { better: "more" })
  }

  const many = async () => {
    const count = 100
    const samples: Array<number> = []
    let failures = 0
    for (let round = 0; round < Math.max(1, Math.round(3 * scale)); round++) {
      const scope = await Effect.runPromise(Scope.make())
      const begun = performance.now()
      const exits = await run(
        Effect.forEach(Array.from({ length: count }), () => Effect.exit(Scope.provide(Devbox.create(), scope)), {
          concurrency: "unbounded"
        })
      )
      samples.push(performance.now() - begun)
      failures += exits.filter(Exit.isFailure).length
      if (round === 0) {
        const memory = (of: string, aim: string) =>
          add(`memory of ${of} (PSS)`, "MiB", summarise([pss(descendants()) / count]), {
            note: `${aim}the mean of ${count}, ${(descendants().length / count).toFixed(1)} processes each`
          })
        memory("a devbox just created", "")
        // Each keeps a process ready for its next command for a while.
        await new Promise((resolve) => setTimeout(resolve, slotsLeave)) // real time
        memory("an idle devbox", "aim: 0.5; ")
      }
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
    add(`${count} creates at once, all running`, "ms", summarise(samples), { note: `${failures} failures` })
  }

  const absent: Array<string> = []
  const guarded = async (what: string, part: () => Promise<void>) => {
    try {
      await part()
    } catch (error) {
      absent.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  try {
    await guarded("creating", creating)
    const isolation = await scoped(
      Effect.gen(function* () {
        const devbox = yield* Devbox.create()
        const { isolation: tier } = yield* devbox.getInfo
        const { stdout } = yield* devbox.cmd.exec("cat /proc/1/comm")
        for (const [what, part] of [
          ["running", running],
          ["copying", copying]
        ] as const) {
          yield* Effect.promise(() => guarded(what, part(devbox)))
        }
        return tier === "isolated"
          ? `isolated/${stdout.trim() === "bwrap" ? "bubblewrap" : "util-linux"}`
          : String(tier)
      })
    )
    await guarded("many at once", many)
    const docker = await dockerRows(times(20))
    rows.push(...docker.rows)
    if (docker.absent !== undefined) absent.push(`docker run and docker exec: ${docker.absent}`)
    const user =
      process.getuid?.() === 0 ? "root (devboxes run as another user)" : `an ordinary user (uid ${process.getuid?.()})`
    return { where: `${isolation}, as ${user}`, rows, absent }
  } finally {
    await runtime.dispose()
    rmSync(stateDir, { recursive: true, force: true })
  }
}
