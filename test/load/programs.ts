/**
 * Loads that any backend must bear: a flood of output, commands that are interrupted with all they started, and many short
 * commands at once. Each takes the service that is provided, and gives figures; what they must be is judged by who runs them.
 */
import { DevboxService } from "@effect-devbox/core"
import type { CreateOptions, Devbox } from "@effect-devbox/core/DevboxHandle"
import { Deferred, Effect, Fiber, Result, Stream } from "effect"
import { spawn } from "node:child_process"
import * as Proc from "../tools/proc.ts"

const create = (options: CreateOptions) => Effect.flatMap(DevboxService, (service) => service.create(options))

const mebibyte = 2 ** 20
const line = "0123456789abcde\n"
/** The lines as they come, from any byte of the first one on. */
const expected = Buffer.from(line.repeat(mebibyte / line.length + 2))

/** Prints so many bytes of numbered columns. */
const printing = (bytes: number): string => `yes ${line.trim()} | head -c ${bytes}`

/** Memory of this process in MiB. */
const rss = () => process.memoryUsage.rss() / mebibyte

/** The same, sampled while something runs. */
const watchMemory = () => {
  const idle = rss()
  let peak = idle
  const timer = setInterval(() => (peak = Math.max(peak, rss())), 20)
  return () => {
    clearInterval(timer)
    return { idle, peak: Math.max(peak, rss()) }
  }
}

/** What came of a flood. */
export interface Flood {
  readonly bytes: number
  readonly wrong: number | undefined
  readonly megabytesPerSecond: number
  /** Memory of this process in MiB: before, after a first 64 MiB, which give the heap its size, and at most during the rest. */
  readonly before: number
  readonly idle: number
  readonly peak: number
}

const megabytesPerSecond = (bytes: number, began: number): number => bytes / 1e6 / ((performance.now() - began) / 1000)

/** A command prints so many bytes, and every one of them is looked at. */
export const flood = (bytes: number, options: CreateOptions = {}): Effect.Effect<Flood, unknown, DevboxService> =>
  Effect.scoped(
    Effect.gen(function* () {
      const devbox = yield* create(options)
      const before = rss()
      const first = yield* devbox.cmd.execAsync(printing(64 * mebibyte))
      yield* Stream.runDrain(first.stdoutBytes)
      const memory = watchMemory()
      const began = performance.now()
      const execution = yield* devbox.cmd.execAsync(printing(bytes))
      let at = 0
      let wrong: number | undefined
      yield* Stream.runForEach(execution.stdoutBytes, (part) =>
        Effect.sync(() => {
          const from = at % line.length
          if (wrong === undefined && expected.compare(part, 0, part.length, from, from + part.length) !== 0) wrong = at
          at += part.length
        })
      )
      const speed = megabytesPerSecond(at, began)
      const { exitCode } = yield* execution.result
      if (exitCode !== 0) return yield* Effect.die(new Error(`it ended with ${exitCode}`))
      return { bytes: at, wrong, megabytesPerSecond: speed, before, ...memory() }
    })
  )

/** The same bytes through a bare pipe to this process. */
export const barePipe = (bytes: number): Effect.Effect<number> =>
  Effect.promise(
    () =>
      new Promise((resolve) => {
        const began = performance.now()
        const child = spawn("bash", ["-c", printing(bytes)], { stdio: ["ignore", "pipe", "ignore"] })
        let seen = 0
        child.stdout.on("data", (part: Buffer) => {
          const from = seen % line.length
          expected.compare(part, 0, part.length, from, from + part.length)
          seen += part.length
        })
        child.once("close", () => resolve(megabytesPerSecond(seen, began)))
      })
  )

/** Children that ignore what they can, leave their group, their parent, their environment and their output. */
const clinging = (mark: string): string => `trap "" TERM INT HUP
setsid sh -c 'trap "" TERM; sleep ${mark} & wait' &
( ( setsid env -i sleep ${mark} </dev/null >/dev/null 2>&1 & ) )
setsid bash -c 'exec -a renamed sleep ${mark}' </dev/null >/dev/null 2>&1 &
nohup sleep ${mark} >/dev/null 2>&1 &
echo up; wait`

/** Processes of this machine whose command line has a word; those of devboxes on it are among them. */
const processesWith = (mark: string): number =>
  Proc.pids().filter((pid) => !Proc.isZombie(pid) && Proc.file(pid, "cmdline").includes(mark)).length

/** Until the event loop comes round again. */
const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Commands with such children are interrupted, by turns as soon as they were asked for and when all of them run. */
export const interruptions = (
  count: number,
  options: CreateOptions = {}
): Effect.Effect<{ readonly interrupted: number; readonly survivors: number }, unknown, DevboxService> =>
  Effect.scoped(
    Effect.gen(function* () {
      const devbox = yield* create(options)
      const mark = `34${Math.trunc(1e7 + Math.random() * 9e7)}`
      const one = (index: number) =>
        Effect.gen(function* () {
          const up = yield* Deferred.make<void>()
          const onStdout = () => Effect.asVoid(Deferred.succeed(up, undefined))
          const fiber = yield* Effect.forkChild(devbox.cmd.exec(clinging(mark), { onStdout }))
          if (index % 4 !== 0) yield* Deferred.await(up)
          // Some turns of the loop later, wherever its start may be by then.
          else yield* Effect.repeat(turn, { times: index % 13 })
          yield* Fiber.interrupt(fiber)
        })
      yield* Effect.forEach(
        Array.from({ length: count }, (_, index) => index),
        one,
        { concurrency: 8 }
      )
      return { interrupted: count, survivors: processesWith(mark) }
    })
  )

/** What came of many commands. */
export interface Burst {
  readonly commands: number
  readonly lost: number
  readonly wrong: number
  readonly p50: number
  readonly p99: number
  readonly seconds: number
}

const short = (devbox: Devbox, index: number) =>
  Effect.gen(function* () {
    const began = performance.now()
    const outcome = yield* Effect.result(devbox.cmd.exec(`echo ${index}; exit ${index % 251}`))
    const ms = performance.now() - began
    if (Result.isFailure(outcome)) return { ms, lost: true, wrong: false }
    const { exitCode, stdout } = outcome.success
    return { ms, lost: false, wrong: exitCode !== index % 251 || stdout !== `${index}\n` }
  })

/** Short commands, all at once, on so many devboxes; each has an exit status and an output of its own. */
export const burst = (
  devboxes: number,
  each: number,
  options: CreateOptions = {}
): Effect.Effect<Burst, unknown, DevboxService> =>
  Effect.scoped(
    Effect.gen(function* () {
      const made = yield* Effect.forEach(Array.from({ length: devboxes }), () => create(options), { concurrency: 10 })
      const began = performance.now()
      const results = yield* Effect.forEach(
        made.flatMap((devbox, box) => Array.from({ length: each }, (_, i) => [devbox, box * each + i] as const)),
        ([devbox, index]) => short(devbox, index),
        { concurrency: "unbounded" }
      )
      const times = results.map(({ ms }) => ms).toSorted((a, b) => a - b)
      return {
        commands: results.length,
        lost: results.filter(({ lost }) => lost).length,
        wrong: results.filter(({ wrong }) => wrong).length,
        p50: times[Math.floor(times.length * 0.5)]!,
        p99: times[Math.floor(times.length * 0.99)]!,
        seconds: (performance.now() - began) / 1000
      }
    })
  )
