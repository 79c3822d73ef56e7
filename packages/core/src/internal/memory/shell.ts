/**
 * Runs commands the way a shell does, with the little language of `shellSyntax.ts`: builtins, scripted commands, the
 * programs of `utilities.ts`, and 127 for anything else. A shell's folder and variables live as long as its state does.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { assign, assignment, builtins, fresh, type ShellState } from "./builtins.ts"
import { concat, toBytes } from "./bytes.ts"
import * as Files from "./files.ts"
import { type Exit, exitCode, type Process, type Program } from "./process.ts"
import { type Command, find } from "./script.ts"
import { parse, type Redirection, Refused, type Simple, type Word } from "./shellSyntax.ts"
import { complaint, utilities } from "./utilities.ts"

const expand = (state: ShellState, word: Word): string =>
  word
    .map((part) =>
      "text" in part
        ? part.text
        : part.variable === "?"
          ? String(state.status)
          : part.variable === "$"
            ? String(state.pid)
            : (state.variables.get(part.variable) ?? state.exported.get(part.variable) ?? "")
    )
    .join("")

/** A program run as words, without a shell: scripted, one of ours, `sh -c`, or not found. */
export const runWords = (
  commands: ReadonlyArray<Command>,
  process: Process,
  state: ShellState
): Effect.Effect<Exit> => {
  const [name = "", flag, script] = process.words
  const program: Program | undefined =
    find(commands, process) ??
    ((name === "sh" || name === "bash") && flag === "-c" && script !== undefined
      ? (inner) =>
          runText(commands, { ...inner, command: script }, fresh(state.pid + 1, Object.entries(inner.env), inner.cwd))
      : utilities.get(name))
  return program === undefined ? Effect.as(process.stderr(`${name}: command not found\n`), 127) : program(process)
}

/** The three streams after redirection, or the exit status of what could not be opened. */
const redirect = (
  state: ShellState,
  process: Process,
  redirections: ReadonlyArray<Redirection>
): Effect.Effect<Process | number> =>
  Effect.gen(function* () {
    let now = process
    for (const { from, mode, target } of redirections) {
      const name = expand(state, target)
      if (mode === "duplicate") {
        const to = name === "1" ? now.stdout : name === "2" ? now.stderr : undefined
        if (to === undefined) return yield* Effect.as(process.stderr(`${name}: bad file descriptor\n`), 1)
        now = { ...now, [from]: to }
        continue
      }
      if (name === "/dev/null") {
        now = mode === "read" ? { ...now, stdin: Stream.empty } : { ...now, [from]: () => Effect.void }
        continue
      }
      const path = Files.resolve(name, state.cwd)
      const there = Result.flatMap(path, (full) => Files.read(process.files, full))
      const before = Result.isSuccess(there) ? there.success.bytes : new Uint8Array()
      const opened = Result.flatMap(path, (full): Result.Result<string, Files.Problem> => {
        const usable: Result.Result<unknown, Files.Problem> =
          mode === "read" ? there : Files.write(process.files, full, mode === "append" ? before : new Uint8Array())
        return Result.isFailure(usable) ? Result.fail(usable.failure) : Result.succeed(full)
      })
      if (Result.isFailure(opened)) return yield* Effect.as(process.stderr(complaint("sh", name, opened.failure)), 1)
      if (mode === "read") {
        now = { ...now, stdin: Stream.make(before) }
        continue
      }
      const append = (data: string | Uint8Array) =>
        Effect.sync(() => {
          const now = Files.read(process.files, opened.success)
          const whole = concat([Result.isSuccess(now) ? now.success.bytes : new Uint8Array(), toBytes(data)])
          Files.write(process.files, opened.success, whole)
        })
      now = { ...now, [from]: append }
    }
    return now
  })

const runSimple = (
  commands: ReadonlyArray<Command>,
  process: Process,
  state: ShellState,
  simple: Simple
): Effect.Effect<Exit> =>
  Effect.gen(function* () {
    const words = simple.words.map((word) => expand(state, word))
    const redirected = yield* redirect(state, process, simple.redirections)
    if (typeof redirected === "number") return redirected
    const local: Array<readonly [string, string]> = []
    for (let found = assignment(words[0] ?? ""); found !== undefined; found = assignment(words[0] ?? "")) {
      local.push(found)
      words.shift()
    }
    if (words.length === 0) {
      for (const found of local) assign(state, found)
      return 0
    }
    const env: Record<string, string> = Object.fromEntries([...state.exported, ...local, ["PWD", state.cwd]])
    const child = { ...redirected, words, command: words.join(" "), env, cwd: state.cwd }
    const builtin = find(commands, child) === undefined ? builtins.get(words[0]!) : undefined
    return yield* builtin === undefined ? runWords(commands, child, state) : builtin(words.slice(1), state, child)
  })

/** Runs a script in a shell. */
export const runText = (commands: ReadonlyArray<Command>, process: Process, state: ShellState): Effect.Effect<Exit> =>
  Effect.gen(function* () {
    const parsed = parse(process.command)
    if (parsed instanceof Refused) {
      yield* process.stderr(
        `memory: "${parsed.what}" is not in the little language of devboxes in memory; script the command with \`commands\`\n`
      )
      return 2
    }
    let exit: Exit = 0
    for (const simple of parsed) {
      const failed = state.status !== 0
      if (simple !== parsed[0] && simple.when !== "always" && (simple.when === "failure") !== failed) continue
      if (simple.background) {
        const own = fresh(state.pid + 1, [...state.exported, ...state.variables], state.cwd)
        yield* process.background(runSimple(commands, { ...process, stdin: Stream.empty }, own, simple))
        exit = state.status = 0
        continue
      }
      exit = yield* runSimple(commands, process, state, simple)
      state.status = exitCode(exit)
      if (state.over) return exit
    }
    // A shell becomes its only command, so that a death by signal shows; of several it reports the status.
    return parsed.length === 1 ? exit : state.status
  })
