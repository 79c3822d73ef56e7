/** Snapshots of a devbox in which programs write: a checker in a devbox made from each finds it as one moment left it. */
import { Devbox, DevboxService } from "@effect-devbox/core"
import { Effect, Stream } from "effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { upperOf } from "../../escape/upper.ts"
import { local } from "../../node/local/fixtures.ts"

/** What came of it. */
export interface Report {
  readonly methods: Readonly<Record<string, number>>
  readonly pausedMs: ReadonlyArray<number>
  /** By snapshot: what the checker found; nothing for one that is consistent. */
  readonly inconsistent: ReadonlyArray<string>
  /** Copies of the same disk that did not make the writers stand still, and how many of them the checker refused. */
  readonly control: { readonly copies: number; readonly inconsistent: number }
}

const program = path.join(import.meta.dirname, "program.ts")

/** The disk as a copy sees it that stops nobody. */
const careless = (stateDir: string, id: string, n: number): boolean => {
  const to = path.join(stateDir, `careless-${n}`)
  try {
    execFileSync("cp", ["-a", path.join(upperOf(stateDir, id), "home/user"), to], { stdio: "ignore" })
  } catch {
    // Files go while they are copied; what is there is judged.
  }
  const said = execFileSync(process.execPath, ["--disable-warning=ExperimentalWarning", program, "check", to], {
    encoding: "utf8"
  })
  fs.rmSync(to, { recursive: true, force: true })
  return said !== "[]"
}

/** Takes so many. */
export const snapshots = (
  stateDir: string,
  options: { readonly snapshots: number; readonly copies: number; readonly say?: ((line: string) => void) | undefined }
): Promise<Report> =>
  Effect.gen(function* () {
    const devboxes = yield* DevboxService
    const devbox = yield* Devbox.create()
    yield* devbox.file.upload("program.ts", fs.readFileSync(program))
    const run = "exec node --disable-warning=ExperimentalWarning program.ts"
    const writer = yield* devbox.cmd.execAsync(`${run} write`)
    yield* Stream.runHead(writer.stdout)
    const methods: Record<string, number> = {}
    const pausedMs: Array<number> = []
    const inconsistent: Array<string> = []
    let refused = 0
    for (let n = 0; n < Math.max(options.snapshots, options.copies); n++) {
      if (n < options.copies && careless(stateDir, devbox.id, n)) refused++
      if (n >= options.snapshots) continue
      const { id } = yield* devboxes.snapshotDisk(devbox.id)
      const info = yield* devboxes.awaitSnapshot(id)
      methods[info.method ?? "?"] = (methods[info.method ?? "?"] ?? 0) + 1
      pausedMs.push(info.pausedMs ?? Number.NaN)
      const { stdout } = yield* Effect.scoped(
        Effect.flatMap(devboxes.create({ from: { snapshot: id } }), ({ cmd }) => cmd.execOrFail(`${run} check`))
      )
      if (stdout !== "[]") inconsistent.push(`snapshot ${n}: ${stdout}`)
      yield* devboxes.deleteSnapshot(id)
      if (n % 10 === 9) options.say?.(`${n + 1} snapshots, ${inconsistent.length} inconsistent`)
    }
    return { methods, pausedMs, inconsistent, control: { copies: options.copies, inconsistent: refused } }
  }).pipe(Effect.scoped, Effect.provide(local(stateDir)), Effect.runPromise)
