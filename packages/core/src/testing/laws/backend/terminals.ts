/** Laws of terminals: what is typed, shown and asked of them, their size, and their end. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Terminal } from "../../../DevboxBackend.ts"
import type { TerminalOptions } from "../../../Execution.ts"
import { bytes, join, running, type Running } from "../boxes.ts"
import { equal, failsWith, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

const open = ({ backend, id }: Running, options: Partial<TerminalOptions> = {}) =>
  succeeds("a terminal can be opened", backend.openTerminal(id, { cols: 80, rows: 24, ...options }))

const type = (terminal: Terminal, keys: string) =>
  succeeds("it can be typed into", Stream.run(Stream.make(bytes(keys)), terminal.input))

/** Text as far as it goes; a terminal may be read in the middle of a character. */
const text = (parts: ReadonlyArray<Uint8Array>): string => new TextDecoder().decode(join(parts))

/** What a shell asks with: root's has another end. */
const prompt = /[$#] /

/** Reads on until something is shown; gives what was read. */
const shows = (terminal: Terminal, wanted: string | RegExp) =>
  Effect.gen(function* () {
    const parts: Array<Uint8Array> = []
    const found = () => (typeof wanted === "string" ? text(parts).includes(wanted) : wanted.test(text(parts)))
    const until = Stream.takeUntil(terminal.output, (part) => {
      parts.push(part)
      return found()
    })
    const claim = `it shows ${String(wanted)}`
    const ended = yield* Effect.exit(succeeds(claim, Stream.runDrain(until)))
    yield* holds(claim, Exit.isSuccess(ended) && found(), `it showed ${JSON.stringify(text(parts))}`)
    return text(parts)
  })

const rest = (terminal: Terminal) =>
  Effect.map(succeeds("its output ends", Stream.runCollect(terminal.output)), (parts) => text(parts))

const exits = (terminal: Terminal) => succeeds("its end can be waited for", terminal.exit)

/** See above. */
export const terminals: ReadonlyArray<BackendLaw> = [
  law(
    "pty-echoes",
    "A terminal shows what is typed, gives it to the command line by line, and shows what the command prints.",
    ["pty"],
    Effect.gen(function* () {
      const terminal = yield* open(yield* running(), { command: "cat; echo bye" })
      yield* type(terminal, "hällo\r")
      const seen = yield* shows(terminal, "hällo\r\nhällo\r\n")
      yield* equal("once as it is typed, once as it is printed", seen.split("hällo").length - 1, 2)
      yield* type(terminal, "\x04")
      yield* equal("Ctrl-D is the end of the input", (yield* rest(terminal)).replaceAll("^D\b\b", ""), "bye\r\n")
      yield* equal("the command ends well", yield* exits(terminal), 0)
    })
  ),
  law(
    "pty-exit",
    "A terminal ends with what runs in it, and says with which status; nothing that was printed is lost.",
    ["pty"],
    Effect.gen(function* () {
      const terminal = yield* open(yield* running(), { command: "printf 'a\\nb'; exit 7" })
      yield* equal("its output is whole", yield* rest(terminal), "a\r\nb")
      yield* equal("its status is the command's", yield* exits(terminal), 7)
      yield* equal("however often it is asked for", yield* exits(terminal), 7)
      yield* equal("there is nothing more to read", yield* rest(terminal), "")
      const error = yield* failsWith(
        "it takes no more input",
        Stream.run(Stream.make(bytes("late\r")), terminal.input),
        "BackendError"
      )
      yield* equal("and nothing was done", error.outcome, "rejected")
    })
  ),
  law(
    "pty-shell",
    "Without a command a terminal is a shell that prompts.",
    ["pty"],
    Effect.gen(function* () {
      const terminal = yield* open(yield* running())
      yield* shows(terminal, prompt)
      yield* type(terminal, "printf '%s-%s\\n' one two\r")
      yield* shows(terminal, "one-two\r\n")
      yield* type(terminal, "exit 5\r")
      yield* rest(terminal)
      yield* equal("it ends as it is told", yield* exits(terminal), 5)
    })
  ),
  law(
    "pty-size",
    "A terminal has the size it was opened with, and then the size it was given.",
    ["pty"],
    Effect.gen(function* () {
      const terminal = yield* open(yield* running(), { cols: 91, rows: 37 })
      yield* shows(terminal, prompt)
      yield* type(terminal, "stty size\r")
      yield* shows(terminal, "37 91\r\n")
      yield* succeeds("it can be resized", terminal.resize({ cols: 132, rows: 43 }))
      yield* type(terminal, "stty size\r")
      yield* shows(terminal, "43 132\r\n")
      yield* type(terminal, "exit\r")
      yield* rest(terminal)
      const error = yield* failsWith(
        "after its end it has no size",
        terminal.resize({ cols: 80, rows: 24 }),
        "BackendError"
      )
      yield* equal("and nothing was done", error.outcome, "rejected")
    })
  ),
  law(
    "pty-interrupt",
    "Ctrl-C in a terminal interrupts what runs in it.",
    ["pty"],
    Effect.gen(function* () {
      const terminal = yield* open(yield* running(), { command: "echo ready; sleep 1000" })
      yield* shows(terminal, "ready")
      yield* type(terminal, "\x03")
      yield* rest(terminal)
      yield* equal("by the signal of that name", yield* exits(terminal), 130)
    })
  ),
  law(
    "pty-environment",
    "A terminal has the variables and the folder that it was opened with.",
    ["pty", "executionEnv"],
    Effect.gen(function* () {
      const box = yield* running()
      const terminal = yield* open(box, { command: "pwd; printenv LAW", cwd: "/tmp", env: { LAW: "it's kept" } })
      yield* equal("they are seen", yield* rest(terminal), "/tmp\r\nit's kept\r\n")
    })
  ),
  law(
    "pty-ends-with-scope",
    "A terminal ends with its scope, whatever runs in it; so do its output and its exit.",
    ["pty"],
    Effect.gen(function* () {
      const box = yield* running()
      const scope = yield* Scope.make()
      const terminal = yield* open(box, { command: "trap '' HUP TERM; echo ready; sleep 1000" }).pipe(
        Scope.provide(scope)
      )
      yield* shows(terminal, "ready")
      const reading = yield* Effect.forkChild(Stream.runDrain(terminal.output))
      yield* succeeds("the scope closes", Scope.close(scope, Exit.void))
      yield* succeeds("a reader hears of the end", Effect.exit(Fiber.join(reading)))
      const status = yield* succeeds("whoever waits does, too", Effect.exit(terminal.exit))
      yield* holds("it did not end by itself", !Exit.isSuccess(status) || status.value > 128, status)
    })
  )
]
