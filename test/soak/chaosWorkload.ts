/**
 * What many users do at a time with devboxes that go wrong, and the account of it: safe calls that failed, bytes lost or
 * doubled, devboxes left, failures that nothing explains. The short form is a test, the long one the soak.
 */
import { type Devbox, DevboxLeaks, DevboxService, type Execution } from "@effect-devbox/core"
import * as ChaosBackend from "@effect-devbox/core/ChaosBackend"
import type { BackendError } from "@effect-devbox/core/DevboxError"
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import { Cause, Effect, Exit, Layer, Random, Stream } from "effect"

/** What came of a run. */
export interface Account {
  /** Calls that can be asked for again: all must succeed. */
  safe: number
  readonly safeFailed: Array<string>
  /** Calls that cannot, and how many of them failed in a way that says so. */
  unsafe: number
  explained: number
  readonly unexplained: Array<string>
  bytes: number
  readonly wrongBytes: Array<string>
  devboxes: number
  /** Leaks that were reported; what really was left is counted apart. */
  reported: number
}

/** An account with nothing in it. */
export const emptyAccount = (): Account => ({
  safe: 0,
  safeFailed: [],
  unsafe: 0,
  explained: 0,
  unexplained: [],
  bytes: 0,
  wrongBytes: [],
  devboxes: 0,
  reported: 0
})

/** The bytes that `print` prints on a channel. */
const pattern = (size: number, channel: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => 32 + ((i * 31 + (i >> 8) * 7 + channel) % 90))

const piece = 700

/** Prints so many bytes on both outputs, in pieces, with time between them. */
const print: MemoryBackend.Command = {
  match: /^print \d+$/,
  run: (process) =>
    Effect.gen(function* () {
      const size = Number(process.command.slice(6))
      const [out, err] = [pattern(size, 0), pattern(size, 1)]
      for (let at = 0; at < size; at += piece) {
        yield* process.stdout(out.subarray(at, at + piece))
        yield* process.stderr(err.subarray(at, at + piece))
        // In virtual time.
        yield* Effect.sleep("30 millis")
      }
      return 0
    })
}

/** The backend that is worked on, and what is around it. */
export const layer = (chaos: ChaosBackend.Config) =>
  DevboxService.layer.pipe(
    Layer.provideMerge(ChaosBackend.layerControl(chaos)),
    Layer.provideMerge(
      MemoryBackend.layerControl({
        commands: [print],
        provisioningDelay: "2 seconds",
        suspendDelay: "1 second",
        resumeDelay: "1 second",
        snapshotDelay: "2 seconds",
        remembered: 50
      })
    )
  )

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** One user: a devbox, some operations on it in an order of chance, each checked. */
const user = (account: Account, operations: number) => {
  const safe = <A, E>(name: string, call: Effect.Effect<A, E>): Effect.Effect<A | undefined> =>
    Effect.flatMap(Effect.exit(call), (exit) => {
      account.safe += 1
      if (Exit.isSuccess(exit)) return Effect.succeed<A | undefined>(exit.value)
      account.safeFailed.push(`${name}: ${Cause.pretty(exit.cause).slice(0, 300)}`)
      return Effect.succeed<A | undefined>(undefined)
    })

  /** A call that is not sent again in doubt may fail in doubt, and in no other way. */
  const unsafe = <A, E, R>(name: string, call: Effect.Effect<A, E, R>) =>
    Effect.flatMap(Effect.exit(call), (exit) => {
      account.unsafe += 1
      if (Exit.isSuccess(exit)) return Effect.succeed<A | undefined>(exit.value)
      const reason = exit.cause.reasons.length === 1 ? exit.cause.reasons[0] : undefined
      const error: unknown = reason !== undefined && Cause.isFailReason(reason) ? reason.error : undefined
      const doubtful =
        (error as BackendError | undefined)?._tag === "BackendError" && (error as BackendError).outcome === "ambiguous"
      if (doubtful) account.explained += 1
      else account.unexplained.push(`${name}: ${Cause.pretty(exit.cause).slice(0, 300)}`)
      return Effect.succeed<A | undefined>(undefined)
    })

  const compare = (what: string, expected: Uint8Array, given: Uint8Array | undefined): void => {
    if (given === undefined) return
    account.bytes += expected.length
    const same = expected.length === given.length && expected.every((byte, i) => byte === given[i])
    if (!same) account.wrongBytes.push(`${what}: ${given.length} of ${expected.length} bytes, or others`)
  }
  const gathered = <E>(stream: Stream.Stream<Uint8Array, E>) => Effect.map(Stream.runCollect(stream), join)
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

  const acts = (devbox: Devbox.Devbox): ReadonlyArray<Effect.Effect<unknown>> => [
    Effect.gen(function* () {
      const size = yield* Random.nextIntBetween(0, 20_000)
      const result = yield* safe("exec", devbox.cmd.exec(`print ${size}`, { maxOutput: 1000 }))
      if (result === undefined) return
      if (result.exitCode !== 0) account.unexplained.push(`exec: exit status ${result.exitCode}`)
      compare("exec stdout", pattern(size, 0), yield* safe("stdout", gathered(result.stdoutBytes)))
      compare("exec stderr", pattern(size, 1), yield* safe("stderr", gathered(result.stderrBytes)))
      if (result.stdout !== text(pattern(size, 0).subarray(Math.max(0, size - 1000)))) {
        account.wrongBytes.push(`exec preview of ${size} bytes`)
      }
    }),
    Effect.scoped(
      Effect.gen(function* () {
        const size = yield* Random.nextIntBetween(1, 10_000)
        let heard = ""
        const listening = { onStdout: (said: string) => Effect.sync(() => void (heard += said)) }
        yield* safe("exec with listener", devbox.cmd.execOrFail(`print ${size}`, listening))
        compare("listener", pattern(size, 0), new TextEncoder().encode(heard))
      })
    ),
    Effect.gen(function* () {
      const size = yield* Random.nextIntBetween(1, 10_000)
      const follow = Effect.scoped(
        Effect.gen(function* () {
          const execution: Execution = yield* devbox.cmd.execAsync(`print ${size}`)
          return yield* Effect.all([gathered(execution.stdoutBytes), gathered(execution.stderrBytes)], {
            concurrency: 2
          })
        })
      )
      const both = yield* safe("execAsync", follow)
      compare("followed stdout", pattern(size, 0), both?.[0])
      compare("followed stderr", pattern(size, 1), both?.[1])
    }),
    Effect.gen(function* () {
      const shell = devbox.cmd.shell("s")
      yield* safe("shell", shell.exec("mkdir -p deep"))
      yield* safe("shell", shell.exec("cd deep"))
      const seen = yield* safe("shell", shell.exec("pwd"))
      if (seen !== undefined && !seen.stdout.endsWith("/deep\n")) account.unexplained.push(`shell: ${seen.stdout}`)
      yield* safe("shell", shell.exec("cd .."))
    }),
    Effect.gen(function* () {
      const bytes = pattern(yield* Random.nextIntBetween(0, 30_000), 5)
      yield* safe("upload", devbox.file.upload("bytes", bytes))
      compare("download", bytes, yield* safe("download", devbox.file.download("bytes")))
      yield* safe("write", devbox.file.write("text", text(bytes)))
      const read = yield* safe("read", devbox.file.read("text"))
      compare("read", bytes, read === undefined ? undefined : new TextEncoder().encode(read))
    }),
    Effect.gen(function* () {
      yield* safe("suspend", devbox.suspend)
      yield* safe("awaitSuspended", devbox.awaitSuspended())
      yield* safe("resume", devbox.resume)
      yield* safe("awaitRunning", devbox.awaitRunning())
    }),
    Effect.gen(function* () {
      yield* safe("getInfo", devbox.getInfo)
      yield* safe("keepAlive", devbox.keepAlive)
      yield* safe("logs", devbox.logs())
      yield* safe("usage", devbox.usage)
      yield* safe("update", devbox.update({ metadata: { at: "work" } }))
    }),
    Effect.gen(function* () {
      yield* safe("createTunnel", devbox.net.createTunnel(8080))
      yield* safe("removeTunnel", devbox.net.removeTunnel())
    }),
    Effect.scoped(
      Effect.gen(function* () {
        const execution = yield* safe("execDetached", devbox.cmd.execDetached("sleep 600"))
        if (execution !== undefined) yield* safe("kill", execution.kill())
        const timedOut = yield* Effect.exit(devbox.cmd.exec("sleep 600", { timeout: "5 seconds" }))
        account.safe += 1
        if (!Exit.isFailure(timedOut) || !Cause.pretty(timedOut.cause).includes("WaitTimeout")) {
          account.safeFailed.push("exec with a timeout did not time out")
        }
      })
    ),
    Effect.gen(function* () {
      const snapshot = yield* unsafe("snapshotDisk", devbox.snapshotDisk({ name: "s" }))
      if (snapshot !== undefined) yield* safe("snapshot.delete", snapshot.delete)
    }),
    Effect.scoped(
      Effect.gen(function* () {
        const execution = yield* Effect.exit(devbox.cmd.execAsync("cat", { attachStdin: true }))
        account.safe += 1
        if (Exit.isFailure(execution)) {
          account.safeFailed.push(`execAsync: ${Cause.pretty(execution.cause).slice(0, 300)}`)
          return
        }
        const acknowledged: Array<string> = []
        for (let line = 0; line < 3; line++) {
          const sent = yield* unsafe("send", Effect.as(execution.value.send(`line ${line}\n`), true))
          if (sent === true) acknowledged.push(`line ${line}\n`)
        }
        // The end of stdin may be lost like any input; the scope ends the command then.
        if ((yield* unsafe("EOF", Effect.as(execution.value.signal("EOF"), true))) !== true) return
        const said = yield* safe("echo", Stream.mkString(execution.value.stdout))
        for (const line of acknowledged) {
          if (said !== undefined && said.split(line).length !== 2) account.wrongBytes.push(`stdin: ${line} in ${said}`)
        }
      })
    )
  ]

  return Effect.scoped(
    Effect.gen(function* () {
      const devbox = yield* unsafe(
        "create",
        DevboxService.use((devboxes) => devboxes.create({ keepAliveTime: "10 hours" }))
      )
      if (devbox === undefined) return
      account.devboxes += 1
      const all = acts(devbox)
      for (let i = 0; i < operations; i++) yield* all[yield* Random.nextIntBetween(0, all.length)] ?? Effect.void
      yield* safe("list", Stream.runDrain(yield* DevboxService.useSync((devboxes) => devboxes.list())))
    })
  )
}

/** So many users at a time, then a look at what they left. */
export const round = (account: Account, users: number, operations: number) =>
  Effect.gen(function* () {
    const one = user(account, operations)
    const { leaks } = yield* DevboxLeaks.collect(
      Effect.forEach(Array.from({ length: users }), () => one, { concurrency: "unbounded", discard: true })
    )
    account.reported += leaks.length
    const control = yield* MemoryBackend.Control
    const boxes = yield* control.devboxes
    const snapshots = yield* control.snapshots
    return { boxes: boxes.length, snapshots: snapshots.length, leaks }
  })
