/** What a shell does itself: `: cd export unset exit`, `trap '' SIGNAL…` and `kill -SIGNAL $$`. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Files from "./files.ts"
import { type Exit, type Process, signalNamed } from "./process.ts"
import { complaint } from "./utilities.ts"

/** What a shell remembers between commands. */
export interface ShellState {
  readonly pid: number
  cwd: string
  readonly exported: Map<string, string>
  readonly variables: Map<string, string>
  status: number
  /** Set when the shell itself was ended, by `exit` or by a signal. */
  over: boolean
}

/** A fresh shell. */
export const fresh = (pid: number, env: Iterable<readonly [string, string]>, cwd: string): ShellState => ({
  pid,
  cwd,
  exported: new Map(env),
  variables: new Map(),
  status: 0,
  over: false
})

/** `NAME=value` taken apart. */
export const assignment = (word: string): readonly [name: string, value: string] | undefined => {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)=([^]*)$/.exec(word)
  return match === null ? undefined : [match[1]!, match[2]!]
}

/** Sets a variable; one that is exported stays exported. */
export const assign = (state: ShellState, [name, value]: readonly [string, string]): void => {
  ;(state.exported.has(name) ? state.exported : state.variables).set(name, value)
}

type Builtin = (words: ReadonlyArray<string>, state: ShellState, process: Process) => Effect.Effect<Exit>

/** By name. */
export const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  [":", () => Effect.succeed(0)],
  [
    "cd",
    ([to = "~"], state, process) => {
      const full = Files.resolve(to, state.cwd)
      const node = Result.isSuccess(full) ? process.files.get(full.success) : undefined
      if (Result.isSuccess(full) && node?._tag === "Folder") {
        state.cwd = full.success
        return Effect.succeed(0)
      }
      return Effect.as(
        process.stderr(complaint("cd", to, { kind: node === undefined ? "NotFound" : "NotADirectory" })),
        1
      )
    }
  ],
  [
    "export",
    (words, state) => {
      for (const word of words) {
        const [name, value] = assignment(word) ?? [word, state.variables.get(word) ?? state.exported.get(word) ?? ""]
        state.exported.set(name, value)
      }
      return Effect.succeed(0)
    }
  ],
  [
    "unset",
    (words, state) => {
      for (const word of words) state.exported.delete(word)
      for (const word of words) state.variables.delete(word)
      return Effect.succeed(0)
    }
  ],
  [
    "exit",
    ([code], state) => {
      state.over = true
      return Effect.succeed(code === undefined ? state.status : Number(code) & 0xff)
    }
  ],
  [
    "trap",
    ([action, ...signals], _state, process) => {
      const known = signals.map(signalNamed).filter((signal) => signal !== undefined)
      return action === "" && known.length === signals.length
        ? Effect.as(process.ignore(known), 0)
        : Effect.as(process.stderr("trap: a devbox in memory can only ignore signals\n"), 2)
    }
  ],
  [
    "kill",
    (words, state, process) => {
      const signal = signalNamed((words[0] === "-s" ? words[1] : words[0]?.replace(/^-/, "")) ?? "") ?? "SIGTERM"
      if (words.at(-1) !== String(state.pid)) {
        return Effect.as(process.stderr("kill: a command in memory can only signal itself\n"), 1)
      }
      state.over = true
      return Effect.succeed(signal)
    }
  ]
])
