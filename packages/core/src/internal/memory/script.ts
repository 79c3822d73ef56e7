/** Scripted commands: which command they answer, and what the answer is. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Channel, Signal } from "../../Execution.ts"
import { toBytes } from "./bytes.ts"
import * as Files from "./files.ts"
import type { Process, Program } from "./process.ts"

/** Something printed, after a delay in the clock of the backend. */
export interface Printed {
  readonly channel?: Channel | undefined
  readonly data: string | Uint8Array
  readonly after?: Duration.Input | undefined
}

/** What a scripted command does, in the order of the fields. */
export interface Reply {
  /** Signals that do not end it. */
  readonly ignores?: ReadonlyArray<Signal> | undefined
  readonly stdout?: string | Uint8Array | undefined
  readonly stderr?: string | Uint8Array | undefined
  /** Pieces on both outputs, one after another. */
  readonly output?: ReadonlyArray<Printed> | undefined
  /** Prints what it is given on stdin, until the end of stdin. */
  readonly stdin?: "echo" | undefined
  /** How long it runs after all that. */
  readonly delay?: Duration.Input | undefined
  /** Files that it leaves behind: path, relative to its folder, and contents. */
  readonly files?: Readonly<Record<string, string | Uint8Array>> | undefined
  /** Default 0. */
  readonly exitCode?: number | undefined
  /** Ends by a signal rather than with an exit status. */
  readonly signal?: Signal | undefined
}

/** A command that a test scripts. */
export interface Command extends Reply {
  /** The whole command as text, or a pattern, or a question. The first that matches is taken. */
  readonly match: string | RegExp | ((process: Process) => boolean)
  /** In place of the other fields: what it does, in full. */
  readonly run?: Program | undefined
}

const matches = (command: Command, process: Process): boolean =>
  typeof command.match === "string"
    ? command.match === process.command.trim()
    : command.match instanceof RegExp
      ? // `search` ignores and keeps the state of a global pattern.
        process.command.search(command.match) >= 0
      : command.match(process)

/** The program of the first scripted command that matches. */
export const find = (commands: ReadonlyArray<Command>, process: Process): Program | undefined => {
  const command = commands.find((each) => matches(each, process))
  return command === undefined ? undefined : (command.run ?? reply(command))
}

const reply =
  (answer: Reply): Program =>
  (process) =>
    Effect.gen(function* () {
      if (answer.ignores !== undefined) yield* process.ignore(answer.ignores)
      if (answer.stdout !== undefined) yield* process.stdout(answer.stdout)
      if (answer.stderr !== undefined) yield* process.stderr(answer.stderr)
      for (const printed of answer.output ?? []) {
        if (printed.after !== undefined) yield* Effect.sleep(printed.after)
        yield* process[printed.channel ?? "stdout"](printed.data)
      }
      if (answer.stdin === "echo") yield* Stream.runForEach(process.stdin, process.stdout)
      if (answer.delay !== undefined) yield* Effect.sleep(answer.delay)
      for (const [path, contents] of Object.entries(answer.files ?? {})) {
        yield* writeFile(process, path, contents)
      }
      return answer.signal ?? answer.exitCode ?? 0
    })

const writeFile = (process: Process, path: string, contents: string | Uint8Array) =>
  Effect.fromResult(Files.resolve(path, process.cwd)).pipe(
    Effect.flatMap((full) => Effect.fromResult(Files.write(process.files, full, toBytes(contents)))),
    Effect.catch((problem) => process.stderr(`${path}: ${problem.kind}\n`))
  )
