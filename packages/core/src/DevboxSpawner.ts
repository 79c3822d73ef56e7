/**
 * Effect's own `ChildProcessSpawner` over a devbox, so that a program which knows nothing of devboxes runs its commands in one.
 * A command ends with its scope, with everything it started. It keeps no state and starts nothing on this machine.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as PlatformErrors from "effect/PlatformError"
import type { Command, CommandOptions, KillOptions, StandardCommand } from "effect/process/ChildProcess"
import * as Spawner from "effect/process/ChildProcessSpawner"
import * as CommandLine from "effect/process/CommandLine"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Devbox, Execution } from "./DevboxHandle.ts"
import type { Signal } from "./Execution.ts"
import { badArgument, fromDevbox, fromTool, type Place } from "./internal/interop/platform.ts"
import { verdict, withoutVerdict, wrapped } from "./internal/interop/wrapper.ts"

type Bytes = Stream.Stream<Uint8Array, PlatformError>
type Handle = Spawner.ChildProcessHandle

const place = (method: string, path?: string): Place => ({ module: "ChildProcess", method, path })

/** An option that is given as itself or as `{ stream }`. */
const unfolded = <A>(option: A | { readonly stream?: A | undefined } | undefined, fallback: A): A =>
  typeof option === "object" && option !== null && "stream" in option
    ? (option.stream ?? fallback)
    : ((option as A | undefined) ?? fallback)

const signals: ReadonlySet<string> = new Set<Signal>([
  "SIGTERM",
  "SIGKILL",
  "SIGINT",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2"
])

/** What a devbox cannot do for a command, said before anything is started. */
const unsupported = ({ args, command, options }: StandardCommand): string | undefined => {
  const isShell = options.shell !== undefined && options.shell !== false
  if (isShell && args.length > 0) {
    return "The shell option cannot be combined with arguments; pass the whole script as the command"
  }
  const words = [command, ...args.map((word) => (Redacted.isRedacted(word) ? Redacted.value(word) : word))]
  const at = words.findIndex((word) => word.includes("\0"))
  if (at !== -1) return at === 0 ? "The command contains a NUL character" : `Argument ${at} contains a NUL character`
  for (const name of ["stdin", "stdout", "stderr"] as const) {
    const choice: unknown = unfolded<unknown>(options[name], "pipe")
    if (choice === "inherit") {
      return `A command in a devbox cannot use this program's own ${name}; pipe it and pass its bytes on`
    }
    if (typeof choice === "string" && choice !== "pipe" && choice !== "ignore")
      return `${name}: "${choice}" is not possible in a devbox`
  }
  if (Object.keys(options.additionalFds ?? {}).length > 0) {
    return "A command in a devbox has stdin, stdout and stderr, and no further descriptors"
  }
  const odd = Object.keys(options.env ?? {}).find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
  if (odd !== undefined) return `${JSON.stringify(odd)} is not the name of a variable`
  const signal = options.killSignal
  return signal !== undefined && !signals.has(signal) ? `The signal ${signal} cannot be sent into a devbox` : undefined
}

/** The words to run: the command's own, or a shell's. */
const wordsOf = ({ args, command, options }: StandardCommand): ReadonlyArray<string | Redacted.Redacted> =>
  options.shell === undefined || options.shell === false
    ? [command, ...args]
    : [options.shell === true ? "sh" : options.shell, "-c", command]

/** As on this machine, variables that are given take the place of all others unless `extendEnv` says otherwise. */
const environment = (options: CommandOptions) => {
  const all = Object.entries(options.env ?? {})
  return {
    only: options.env === undefined || options.extendEnv === true ? undefined : all.map(([name]) => name),
    env: Object.fromEntries(
      all.flatMap(([name, value]) =>
        value === undefined ? [] : [[name, Redacted.isRedacted(value) ? Redacted.value(value) : value]]
      )
    ),
    unset: all.flatMap(([name, value]) => (value === undefined ? [name] : []))
  }
}

/** Ends what is left of a command, the way its options say; cannot fail, and the execution's own scope reports what it must. */
const terminate = (execution: Execution, options: KillOptions) => {
  const signal = (options.killSignal ?? "SIGTERM") as Signal
  if (options.forceKillAfter !== undefined && signal === "SIGTERM") {
    return Effect.asVoid(execution.kill({ grace: options.forceKillAfter }))
  }
  const ended = Effect.asVoid(execution.result)
  const sent = execution.kill({ signal })
  return options.forceKillAfter === undefined
    ? Effect.andThen(sent, ended)
    : Effect.andThen(
        sent,
        Effect.timeoutOrElse(ended, {
          duration: options.forceKillAfter,
          orElse: () => Effect.asVoid(execution.kill({ signal: "SIGKILL" }))
        })
      )
}

const spawnOne = (devbox: Devbox, command: StandardCommand): Effect.Effect<Handle, PlatformError, Scope.Scope> =>
  Effect.gen(function* () {
    const { options } = command
    const refusal = unsupported(command)
    if (refusal !== undefined) return yield* Effect.fail(badArgument(place("spawn"), refusal))
    const shown = CommandLine.display([command.command, ...command.args])
    const failed = (method: string) => fromDevbox(place(method, shown))
    const { env, ...surroundings } = environment(options)
    const input = unfolded<unknown>(options.stdin, "pipe")
    const execution = yield* Effect.mapError(
      devbox.cmd.execAsync(wrapped({ cwd: options.cwd, ...surroundings }, wordsOf(command)), {
        attachStdin: input !== "ignore",
        ...(Object.keys(env).length === 0 ? {} : { env })
      }),
      failed("spawn")
    )
    const raw = Stream.mapError(execution.stderrBytes, failed("stderr"))
    const begun = yield* verdict(raw, () => fromTool(place("spawn", shown), "the command did not start", 127))
    if (begun._tag === "Refused") {
      return yield* Effect.fail(
        PlatformErrors.systemError({
          _tag: begun.tag,
          module: "ChildProcess",
          method: "spawn",
          pathOrDescriptor: begun.path,
          description: begun.tag === "NotFound" ? "No such file or directory" : "Permission denied"
        })
      )
    }

    const output = (name: "stdout" | "stderr", bytes: Bytes): Bytes => {
      const choice: unknown = unfolded<unknown>(options[name], "pipe")
      if (choice === "ignore") return Stream.empty
      return Sink.isSink(choice)
        ? Stream.transduce(bytes, choice as Sink.Sink<Uint8Array, Uint8Array, never, PlatformError>)
        : bytes
    }
    const stdout = output("stdout", Stream.mapError(execution.stdoutBytes, failed("stdout")))
    const stderr = output("stderr", withoutVerdict(raw))

    const keepsOpen =
      typeof options.stdin === "object" && "endOnDone" in options.stdin && options.stdin.endOnDone === false
    const stdin: Sink.Sink<void, Uint8Array, never, PlatformError> =
      input === "ignore"
        ? Sink.drain
        : keepsOpen
          ? Sink.forEach((bytes: Uint8Array) => Effect.mapError(execution.send(bytes), failed("stdin")))
          : Sink.mapError(execution.stdin, failed("stdin"))
    const broken = yield* Deferred.make<never, PlatformError>()
    if (Stream.isStream(input)) {
      const given = input as Bytes
      // Input that is cut short, by its source or on its way, is nothing that the exit status would say.
      const fed = Effect.catch(
        Stream.run(
          Stream.tapError(given, (error) => Deferred.fail(broken, error)),
          stdin
        ),
        (error) =>
          Effect.flatMap(execution.getState, ({ status }) =>
            status === "completed" ? Effect.void : Deferred.fail(broken, error)
          )
      )
      yield* Effect.forkScoped(Effect.ignore(fed))
    }
    const exitCode = Effect.mapError(execution.result, failed("exitCode")).pipe(
      Effect.flatMap(({ exitCode: code, signal }) =>
        signal === undefined
          ? Effect.succeed(Spawner.ExitCode(code))
          : Effect.fail(
              fromTool(place("exitCode", shown), `Process interrupted due to receipt of signal: '${signal}'`, code)
            )
      ),
      Effect.raceFirst(Deferred.await(broken))
    )
    return Spawner.makeHandle({
      pid: Spawner.ProcessId(begun.pid),
      exitCode,
      isRunning: Effect.mapBoth(execution.getState, {
        onFailure: failed("isRunning"),
        onSuccess: ({ status }) => status !== "completed"
      }),
      kill: (kill = {}) =>
        kill.killSignal !== undefined && !signals.has(kill.killSignal)
          ? Effect.fail(badArgument(place("kill"), `The signal ${kill.killSignal} cannot be sent into a devbox`))
          : Effect.mapError(terminate(execution, { ...options, ...kill }), failed("kill")),
      stdin,
      stdout,
      stderr,
      all: Stream.merge(stdout, stderr),
      getInputFd: () => Sink.drain,
      getOutputFd: () => Stream.empty,
      // No process of this program waits for it.
      unref: Effect.succeed(Effect.void)
    })
  })

/** Commands joined by pipes go through this program, one after another. */
const spawn =
  (devbox: Devbox) =>
  (command: Command): Effect.Effect<Handle, PlatformError, Scope.Scope> => {
    if (command._tag === "StandardCommand") return spawnOne(devbox, command)
    const { from = "stdout", to = "stdin" } = command.options
    if (to !== "stdin" || (from !== "stdout" && from !== "stderr" && from !== "all")) {
      return Effect.fail(
        badArgument(place("spawn"), `A devbox pipes stdout, stderr or all into stdin, not ${from} into ${to}`)
      )
    }
    return Effect.flatMap(spawn(devbox)(command.left), (left) => spawn(devbox)(fedBy(command.right, left[from])))
  }

/** A command whose first part reads a stream. */
const fedBy = (command: Command, stream: Bytes): Command =>
  command._tag === "StandardCommand"
    ? Object.assign(Object.create(Object.getPrototypeOf(command)) as StandardCommand, command, {
        options: {
          ...command.options,
          stdin:
            typeof command.options.stdin === "object" && "stream" in command.options.stdin
              ? { ...command.options.stdin, stream }
              : stream
        }
      })
    : Object.assign(Object.create(Object.getPrototypeOf(command)) as Command, command, {
        left: fedBy(command.left, stream)
      })

/** Builds the spawner of a devbox. `inherit`, further descriptors and rare signals fail as bad arguments: nothing is started. */
export const make = (devbox: Devbox): Spawner.ChildProcessSpawner["Service"] => Spawner.make(spawn(devbox))

/** Effect's `ChildProcessSpawner`, inside a devbox. */
export const layer = (devbox: Devbox): Layer.Layer<Spawner.ChildProcessSpawner> =>
  Layer.succeed(Spawner.ChildProcessSpawner, make(devbox))
