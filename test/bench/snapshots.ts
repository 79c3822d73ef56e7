/**
 * What a devbox's disk costs: snapshots of idle and of working devboxes, devboxes from them, forks, suspension, and how soon
 * everything is gone when its owner is killed. Snapshots are compared with `cp -a` of the same files, turn by turn.
 */
import { Devbox, DevboxService } from "@effect-devbox/core"
import type { Devbox as Handle } from "@effect-devbox/core/DevboxHandle"
import { LocalBackend } from "@effect-devbox/node"
import { Effect, Layer, ManagedRuntime, type Scope, Stream } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { upperOf } from "../escape/upper.ts"
import * as Proc from "../tools/proc.ts"
import { interleaved, repeated } from "./measure.ts"
import { type Measurements, type Row, summarise } from "./stats.ts"

/** What is on a disk, and how often the quick and the slow things are measured. */
interface Filling {
  readonly name: string
  readonly make: string
  readonly quick: number
  readonly slow: number
}

const fillings: ReadonlyArray<Filling> = [
  {
    name: "10 MB in 100 files",
    make: "mkdir d; for i in $(seq 100); do head -c 100000 /dev/urandom > d/$i; done",
    quick: 20,
    slow: 20
  },
  {
    name: "1 GB in 16 files",
    make: "mkdir d; head -c 64000000 /dev/urandom > d/0; for i in $(seq 15); do cp d/0 d/$i; done",
    quick: 20,
    slow: 5
  },
  {
    name: "100,000 files of 4 KB",
    make: 'node -e \'const fs=require("fs");const b=Buffer.alloc(4096,1);for(let d=0;d<100;d++){fs.mkdirSync("d"+d);for(let f=0;f<1000;f++)fs.writeFileSync("d"+d+"/"+f,b)}\'',
    quick: 10,
    slow: 3
  }
]

/** How soon all processes of twenty devboxes are gone after their owner was killed. */
const killed = async (stateDir: string): Promise<{ readonly ms: number; readonly processes: number }> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "snapshotsOwner.ts"), stateDir, "20"], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  await once(createInterface({ input: child.stdout }), "line")
  const pids = Proc.pids().filter((pid) => pid !== child.pid && Proc.withAncestors(pid).has(child.pid!))
  const begun = performance.now()
  child.kill("SIGKILL")
  const alive = (pid: number): boolean => Proc.file(pid, "stat") !== "" && !Proc.isZombie(pid)
  while (pids.some(alive)) await new Promise((resolve) => setImmediate(resolve))
  const ms = performance.now() - begun
  await Effect.runPromise(LocalBackend.gc(stateDir))
  return { ms, processes: pids.length }
}

/** Runs everything. */
export const benchSnapshots = async (scale: number, progress: (what: string) => void): Promise<Measurements> => {
  const root = mkdtempSync(join(process.env["DEVBOX_TEST_DIR"] ?? "/var/tmp", "devbox-bench-"))
  chmodSync(root, 0o755)
  const stateDir = join(root, "state")
  const runtime = ManagedRuntime.make(DevboxService.layer.pipe(Layer.provide(LocalBackend.layer({ stateDir }))))
  const scoped = <A>(program: Effect.Effect<A, unknown, DevboxService | Scope.Scope>): Promise<A> =>
    runtime.runPromise(Effect.scoped(program))
  const times = (n: number): number => Math.max(2, Math.round(n * scale))
  const rows: Array<Row> = []
  const add = (name: string, summary: Row["summary"], about: Pick<Row, "rival" | "note"> = {}) => {
    rows.push({ name, unit: "ms", summary, ...about })
    progress(name)
  }
  const taken = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const begun = performance.now()
      const value = yield* effect
      return [performance.now() - begun, value] as const
    })
  // The command ends with the devbox, after the clock has stopped.
  const first = (devbox: Handle) =>
    Effect.flatMap(devbox.cmd.execAsync("echo up"), ({ stdout }) => Stream.runHead(stdout))

  const disk = ({ make, name, quick, slow }: Filling) =>
    scoped(
      Effect.gen(function* () {
        const devboxes = yield* DevboxService
        const devbox = yield* Devbox.create()
        yield* devbox.cmd.execOrFail(make)
        const own = (program: Effect.Effect<number, unknown, DevboxService | Scope.Scope>) => () => scoped(program)
        const snapshot = Effect.gen(function* () {
          const [ms, { id }] = yield* taken(devboxes.snapshotDisk(devbox.id))
          const info = yield* devboxes.awaitSnapshot(id)
          yield* devboxes.deleteSnapshot(id)
          return [ms, info] as const
        })
        const idle = yield* Effect.promise(() =>
          repeated(
            { warmUp: 1, n: times(quick) },
            own(
              Effect.map(snapshot, ([ms, { method }]) => {
                if (method !== "rotate") throw new Error(`it was taken by ${method}`)
                return ms
              })
            )
          )
        )
        const kept = yield* devboxes.snapshotDisk(devbox.id)
        const started = yield* Effect.promise(() =>
          repeated(
            { warmUp: 1, n: times(quick) },
            own(
              Effect.map(taken(Effect.flatMap(devboxes.create({ from: { snapshot: kept.id } }), first)), ([ms]) => ms)
            )
          )
        )
        const forked = yield* Effect.promise(() =>
          repeated(
            { warmUp: 1, n: times(quick) },
            own(Effect.map(taken(Effect.flatMap(devbox.fork(1), ([fork]) => first(fork!))), ([ms]) => ms))
          )
        )
        yield* devboxes.deleteSnapshot(kept.id)
        // All of it in the topmost layer again, as a devbox has it that was never saved.
        const working = yield* Devbox.create()
        yield* working.cmd.execOrFail(make)
        yield* working.cmd.execAsync("while :; do date > now; sleep 0.01; done")
        const methods = new Set<string>()
        const paused: Array<number> = []
        const copy = join(root, "copy")
        const both = yield* Effect.promise(() =>
          interleaved(
            { warmUp: 0, n: times(slow) },
            {
              live: own(
                Effect.gen(function* () {
                  const [ms, { id }] = yield* taken(devboxes.snapshotDisk(working.id))
                  const { method = "?", pausedMs = Number.NaN } = yield* devboxes.awaitSnapshot(id)
                  methods.add(method)
                  paused.push(pausedMs)
                  yield* devboxes.deleteSnapshot(id)
                  return ms
                })
              ),
              copy: () => {
                const from = upperOf(stateDir, working.id)
                const begun = performance.now()
                execFileSync("cp", ["-a", from, copy], { stdio: "ignore" })
                const ms = performance.now() - begun
                rmSync(copy, { recursive: true })
                return Promise.resolve(ms)
              }
            }
          )
        )
        const stood = summarise(paused)
        const copying = { rival: { name: "cp -a of the same files", summary: both.copy } }
        add(`${name}: snapshot, nothing runs`, idle, copying)
        add(`${name}: snapshot, a program writes`, both.live, {
          ...copying,
          note: `${[...methods].join()}; stood still for ${stood.p50.toFixed(0)} ms (p50)`
        })
        add(`${name}: devbox from it, first output`, started)
        add(`${name}: fork, first output`, forked)
      })
    )

  try {
    await scoped(
      Effect.gen(function* () {
        const devboxes = yield* DevboxService
        const { id } = yield* Devbox.create()
        const suspends: Array<number> = []
        const resumes: Array<number> = []
        for (let n = 0; n < times(30) + 2; n++) {
          const [suspend] = yield* taken(Effect.andThen(devboxes.suspend(id), devboxes.awaitSuspended(id)))
          const [resume] = yield* taken(Effect.andThen(devboxes.resume(id), devboxes.awaitRunning(id)))
          if (n < 2) continue
          suspends.push(suspend)
          resumes.push(resume)
        }
        add("suspend until suspended", summarise(suspends))
        add("resume until running", summarise(resumes))
      })
    )
    for (const filling of fillings) await disk(filling)
    const gone: Array<number> = []
    let processes = 0
    for (let n = 0; n < times(10); n++) {
      const report = await killed(join(root, "killed"))
      gone.push(report.ms)
      processes = report.processes
    }
    add("20 devboxes gone after SIGKILL of their owner", summarise(gone), { note: `${processes} processes` })
    return {
      rows,
      absent: [
        "docker commit: no container engine is compared here; the local backend's part says whether there is one"
      ]
    }
  } finally {
    await runtime.dispose()
    rmSync(root, { recursive: true, force: true, maxRetries: 10 })
  }
}
