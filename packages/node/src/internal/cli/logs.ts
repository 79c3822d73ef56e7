/** `devbox logs`: what happened in a devbox, or what one of its commands printed. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Devbox, Execution } from "@effect-devbox/core/DevboxHandle"
import type { LogEntry } from "@effect-devbox/core/DevboxModel"
import { ExecutionId } from "@effect-devbox/core/Execution"
import { find, isOver, withDevboxes } from "./backend.ts"
import * as Flags from "./flags.ts"
import { logEntryJson } from "./json.ts"
import { harmless, print, printJson, styles, write } from "./out.ts"

const text = (entry: LogEntry): string => {
  const { cyan, dim, red } = styles("stdout")
  const what =
    entry.cmd !== undefined
      ? `$ ${entry.cmd}`
      : entry.exitCode !== undefined
        ? `exit status ${entry.exitCode}`
        : (entry.message ?? "")
  const paint = entry.level === "error" ? red : (plain: string) => plain
  const about = [entry.source, entry.shellName, entry.cmdId].filter((part) => part !== undefined).join(" ")
  return `${dim(new Date(entry.timestampMs).toISOString())} ${cyan(harmless(about))} ${paint(harmless(what))}`
}

/** The entries so far; with `follow` also those to come, each once, until the devbox has ended. */
const entries = (devbox: Devbox, follow: boolean) => {
  const seen = new Set<string>()
  const look = Effect.map(devbox.logs(), (all) =>
    all.filter((entry) => {
      const key = JSON.stringify(entry)
      return !seen.has(key) && seen.add(key)
    })
  )
  if (!follow) return Stream.fromIterableEffect(look)
  // The state before the entries: what a devbox wrote before its end is still shown.
  const round = Effect.flatMap(devbox.getInfo, (info) => Effect.map(look, (found) => ({ found, over: isOver(info) })))
  return Stream.fromEffectSchedule(round, Schedule.spaced("500 millis")).pipe(
    Stream.takeUntil(({ over }) => over),
    Stream.flatMap(({ found }) => Stream.fromIterable(found))
  )
}

/** What a command printed, byte for byte; with `follow` until it has ended. */
const output = (execution: Execution, follow: boolean) =>
  Effect.gen(function* () {
    const { status, stderrBytes, stdoutBytes } = yield* execution.getState
    const upTo = (count: number | undefined, stream: typeof execution.stdoutBytes) => {
      if (follow || status === "completed") return stream
      let left = count ?? 0
      // What is there now: without following, a command that goes on printing must not hold us.
      return left === 0
        ? Stream.empty
        : stream.pipe(
            Stream.map((chunk) => chunk.subarray(0, left)),
            Stream.takeUntil((chunk) => (left -= chunk.byteLength) <= 0)
          )
    }
    yield* Effect.all(
      [
        Stream.runForEach(upTo(stdoutBytes, execution.stdoutBytes), (chunk) => write("stdout", chunk)),
        Stream.runForEach(upTo(stderrBytes, execution.stderrBytes), (chunk) => write("stderr", chunk))
      ],
      { concurrency: "unbounded", discard: true }
    )
  })

/** The command. */
export const logs = Command.make(
  "logs",
  {
    follow: Flags.toggle("follow", "Goes on with what is to come, until it ends", "f"),
    devbox: Flags.devbox,
    execution: Argument.String("execution").pipe(
      Argument.withDescription("The id of a command: shows its output instead of the log"),
      Argument.optional
    )
  },
  ({ devbox: word, execution, follow }) =>
    withDevboxes((devboxes, { json }) =>
      Effect.gen(function* () {
        const { id } = yield* find(devboxes, word)
        const devbox = devboxes.attach(id)
        if (Option.isSome(execution)) {
          return yield* output(devboxes.attachExecution(id, ExecutionId.make(execution.value)), follow)
        }
        yield* Stream.runForEach(entries(devbox, follow), (entry) =>
          json ? printJson(logEntryJson(entry)) : print(text(entry))
        )
      })
    )
).pipe(
  Command.withShortDescription("Show what happened in a devbox"),
  Command.withDescription(
    "Shows the log of a devbox: its commands, with ids and exit statuses, and what its setup said. With the id of a command it shows what that command printed."
  ),
  Command.withExamples([
    { command: "devbox logs my-box", description: "What happened" },
    { command: "devbox logs -f my-box", description: "What happens" },
    {
      command: "devbox logs -f my-box 0190c0de-…",
      description: "The output of a command that was started with exec --detach"
    }
  ])
)
