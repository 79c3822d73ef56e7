/** Mutants of terminals. */
import type { Shape, Terminal } from "@effect-devbox/core/DevboxBackend"
import type { TerminalOptions } from "@effect-devbox/core/Execution"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { broken, type Mutant } from "./mutant.ts"

/** Terminals that are broken, or opened otherwise than asked. */
const terminal = (
  law: string,
  is: string,
  breaks: (sound: Terminal) => Partial<Terminal>,
  asked: (options: TerminalOptions) => TerminalOptions = (options) => options
): Mutant =>
  broken(law, is, (b) => ({
    openTerminal: (id, options) =>
      Effect.map(b.openTerminal(id, asked(options)), (sound) => ({ ...sound, ...breaks(sound) }))
  }))

const shown = (change: (bytes: Uint8Array) => Uint8Array) => (sound: Terminal) => ({
  output: Stream.map(sound.output, change)
})

const keys = (change: (keys: Uint8Array) => Uint8Array) => (sound: Terminal) => ({
  input: Sink.mapInput(sound.input, change)
})

/** See above. */
export const terminals: ReadonlyArray<Mutant> = [
  terminal("pty-echoes", "swallows what is typed", () => ({ input: Sink.drain })),
  terminal(
    "pty-echoes",
    "loses the bytes that are not ASCII",
    shown((all) => all.filter((byte) => byte < 128))
  ),
  terminal(
    "pty-echoes",
    "shows no carriage returns",
    shown((all) => all.filter((byte) => byte !== 13))
  ),
  terminal(
    "pty-echoes",
    "does not know the end of the input",
    keys((all) => all.filter((byte) => byte !== 4))
  ),
  terminal("pty-exit", "always ends well", ({ exit }) => ({ exit: Effect.as(exit, 0) })),
  terminal(
    "pty-exit",
    "loses the last byte of each piece",
    shown((all) => all.subarray(0, -1))
  ),
  terminal("pty-exit", "shows everything again to the next reader", ({ output }) => {
    const all: Array<Uint8Array> = []
    const seen = Stream.map(output, (bytes) => {
      all.push(bytes)
      return bytes
    })
    return {
      output: Stream.concat(
        Stream.suspend(() => Stream.fromIterable([...all])),
        seen
      )
    }
  }),
  terminal("pty-exit", "takes input after its end", () => ({ input: Sink.drain })),
  terminal(
    "pty-shell",
    "runs nothing without a command",
    () => ({}),
    (options) => ({ command: "true", ...options })
  ),
  terminal("pty-shell", "forgets how the shell ended", ({ exit }) => ({ exit: Effect.as(exit, 0) })),
  terminal(
    "pty-size",
    "has one size",
    () => ({}),
    (options) => ({ ...options, cols: 80, rows: 24 })
  ),
  terminal(
    "pty-size",
    "takes columns for rows",
    () => ({}),
    (options) => ({
      ...options,
      cols: options.rows,
      rows: options.cols
    })
  ),
  terminal("pty-size", "cannot be resized", () => ({ resize: () => Effect.void })),
  terminal("pty-size", "can be resized after its end", ({ resize }) => ({
    resize: (size) => Effect.ignore(resize(size))
  })),
  terminal(
    "pty-interrupt",
    "does not know Ctrl-C",
    keys((all) => all.filter((byte) => byte !== 3))
  ),
  terminal("pty-interrupt", "takes an interruption for success", ({ exit }) => ({ exit: Effect.as(exit, 0) })),
  terminal(
    "pty-environment",
    "forgets the variables",
    () => ({}),
    (options) => ({ ...options, env: {} })
  ),
  terminal(
    "pty-environment",
    "forgets the folder",
    () => ({}),
    (options) => ({ ...options, cwd: undefined })
  ),
  broken("pty-ends-with-scope", "lives on after its scope", (b: Shape) => ({
    openTerminal: (id, options) =>
      Effect.flatMap(Scope.make(), (other) => Scope.provide(b.openTerminal(id, options), other))
  })),
  terminal("pty-ends-with-scope", "never tells its readers", ({ output }) => ({
    output: Stream.concat(output, Stream.never)
  })),
  terminal("pty-ends-with-scope", "never tells who waits", () => ({ exit: Effect.never }))
]
