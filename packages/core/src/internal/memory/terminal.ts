/** Terminals of devboxes in memory: a command, or a small shell that prompts, behind a line discipline, with a size. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Terminal } from "../../DevboxBackend.ts"
import { DevboxNotReady, type ReadyError } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { ExecutionId, type TerminalOptions, type TerminalSize } from "../../Execution.ts"
import { toText } from "./bytes.ts"
import * as Changed from "./changed.ts"
import { touch } from "./devbox.ts"
import { boxThatIs, invalid } from "./errors.ts"
import { finish, signal } from "./execution.ts"
import * as Input from "./input.ts"
import * as LineDiscipline from "./lineDiscipline.ts"
import { exitCode, type Program, type Tty } from "./process.ts"
import { type InTerminal, startInTerminal } from "./run.ts"
import { runText } from "./shell.ts"
import type { World } from "./state.ts"

/** What Ctrl-C interrupts. */
interface Foreground {
  interrupt: () => void
}

/** A shell that prompts, reads a line, runs it, until the end of its input or `exit`. */
const interactive =
  (foreground: Foreground): NonNullable<InTerminal["program"]> =>
  (commands, state): Program =>
  (process) =>
    Effect.gen(function* () {
      while (true) {
        foreground.interrupt = () => {}
        yield* process.stdout("$ ")
        const line = yield* Stream.runHead(process.stdin)
        if (Option.isNone(line)) return state.status
        const interrupted = Effect.callback<"SIGINT">((resume) => {
          foreground.interrupt = () => resume(Effect.succeed("SIGINT"))
        })
        const exit = yield* Effect.raceFirst(
          runText(commands, { ...process, command: toText(line.value) }, state),
          interrupted
        )
        state.status = exitCode(exit)
        if (state.over) return exit
      }
    })

const tty = (first: TerminalSize, raw: () => void) => {
  let size: TerminalSize = { cols: first.cols, rows: first.rows }
  const changed = Changed.make()
  const terminal: Tty = {
    size: Effect.sync(() => size),
    resized: Stream.suspend(() => {
      let seen = size
      return Stream.fromEffectRepeat(
        Effect.map(
          changed.until(() => (size === seen ? undefined : size)),
          (now) => (seen = now)
        )
      )
    }),
    raw: Effect.sync(raw)
  }
  const resize = (to: TerminalSize) => {
    size = { cols: to.cols, rows: to.rows }
    changed.notify()
  }
  return { terminal, resize }
}

/** See `DevboxBackend`. */
export const openTerminal = (
  world: World,
  id: DevboxId,
  options: TerminalOptions
): Effect.Effect<Terminal, ReadyError, Scope.Scope> =>
  Effect.flatMap(boxThatIs(world, id, "running"), (box) => {
    const { command, cwd, env } = options
    const begin = () => {
      const screen = Input.make(false)
      let type: (bytes: Uint8Array) => void = () => {}
      let resize: (size: TerminalSize) => void = () => {}
      const params = { commandId: ExecutionId.make(SecureRandom.uuidV7Unsafe()), command: command ?? "", env, cwd }
      const execution = startInTerminal(world, box, { ...params, attachStdin: true }, (started) => {
        const foreground: Foreground = { interrupt: () => signal(started, "SIGINT", world.now()) }
        const discipline = LineDiscipline.make({
          input: started.input,
          screen,
          interrupt: () => foreground.interrupt()
        })
        const device = tty(options, discipline.raw)
        started.atEnd.push(screen.end)
        type = discipline.type
        resize = device.resize
        const { terminal } = device
        return { terminal, show: discipline.show, program: command === undefined ? interactive(foreground) : undefined }
      })
      return { execution, screen, type, resize }
    }
    const opened = Effect.acquireRelease(Effect.sync(begin), ({ execution }) =>
      Effect.sync(() => finish(execution, { exit: "SIGHUP" }, world.now()))
    )
    return Effect.map(opened, ({ execution, resize, screen, type }): Terminal => {
      const whileItRuns = (run: () => void) =>
        Effect.suspend(() => {
          if (execution.ended !== undefined) return Effect.fail(invalid(world, "pty", "the terminal has ended"))
          touch(world, box)
          return Effect.sync(run)
        })
      return {
        output: screen.read,
        input: Sink.forEach((bytes: Uint8Array) => whileItRuns(() => type(bytes))),
        resize: (size) => whileItRuns(() => resize(size)),
        exit: Effect.flatMap(
          execution.changed.until(() => execution.ended),
          ({ exit }) =>
            exit === undefined
              ? Effect.fail(new DevboxNotReady({ devboxId: id, status: box.status, expected: "running" }))
              : Effect.succeed(exitCode(exit))
        )
      }
    })
  })
