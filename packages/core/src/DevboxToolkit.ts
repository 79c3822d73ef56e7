/**
 * A devbox as tools for a language model: run a command, read, write, list and search files. The same toolkit serves
 * `LanguageModel.generateText` and, through Effect's `McpServer`, any MCP client. What goes wrong is told to the model.
 */
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type { Devbox } from "./DevboxHandle.ts"
import { fromTool } from "./internal/interop/platform.ts"
import { operand, run } from "./internal/interop/tools.ts"

/** What a model is told when a tool could not do its work. */
export class ToolFailure extends Schema.Class<ToolFailure>("effect-devbox/ToolFailure")({ error: Schema.String }) {}

const path = Schema.String.annotate({ description: "Absolute, or relative to the home folder" })
const natural = (fallback: number, description: string) =>
  Schema.Natural.pipe(Schema.withDecodingDefault(Effect.succeed(fallback))).annotate({ description })

/** Runs a command with bash. The exit code is part of the answer, not a failure. */
export const RunCommand = Tool.make("run_command", {
  description: "Run a command with bash in the devbox and return its exit code and output",
  parameters: Schema.Struct({
    command: Schema.String.annotate({ description: "The command line, such as: cd project && npm test" }),
    timeoutSeconds: natural(120, "The command is ended after this many seconds")
  }),
  success: Schema.Struct({
    exitCode: Schema.Int,
    stdout: Schema.String,
    stderr: Schema.String,
    truncated: Schema.Boolean.annotate({ description: "Only the end of a long output is shown" })
  }),
  failure: ToolFailure,
  failureMode: "return"
})

/** Reads lines of a text file. */
export const ReadFile = Tool.make("read_file", {
  description: "Read lines of a text file",
  parameters: Schema.Struct({
    path,
    firstLine: natural(1, "The first line to read, counted from 1"),
    lines: natural(2000, "How many lines to read at most")
  }),
  success: Schema.Struct({ text: Schema.String, totalLines: Schema.Int }),
  failure: ToolFailure,
  failureMode: "return"
})

/** Writes a text file. */
export const WriteFile = Tool.make("write_file", {
  description: "Write a text file, making the folders above it; an existing file is replaced",
  parameters: Schema.Struct({ path, contents: Schema.String }),
  success: Schema.Struct({ bytes: Schema.Int }),
  failure: ToolFailure,
  failureMode: "return"
})

/** Lists a folder. */
export const ListFiles = Tool.make("list_files", {
  description: "List the files below a folder, folders with a slash at their end",
  parameters: Schema.Struct({ path, depth: natural(1, "How many levels of folders to list") }),
  success: Schema.Struct({ files: Schema.Array(Schema.String), truncated: Schema.Boolean }),
  failure: ToolFailure,
  failureMode: "return"
})

/** Searches text files. */
export const SearchFiles = Tool.make("search_files", {
  description: "Search the text files below a folder for an extended regular expression",
  parameters: Schema.Struct({ path, pattern: Schema.String }),
  success: Schema.Struct({
    matches: Schema.Array(Schema.Struct({ path: Schema.String, line: Schema.Int, text: Schema.String })),
    truncated: Schema.Boolean
  }),
  failure: ToolFailure,
  failureMode: "return"
})

/** All of them. */
export const toolkit = Toolkit.make(RunCommand, ReadFile, WriteFile, ListFiles, SearchFiles)

/** How much a model is shown at once. */
export interface Options {
  /** Bytes of each output of a command; default 32 KiB, its end. */
  readonly maxOutput?: number | undefined
  /** Files or matches of a listing; default 500. */
  readonly maxEntries?: number | undefined
}

/** Lines of a text; a newline at the end ends the last one. */
const linesOf = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.replace(/\n$/, "").split("\n"))

/** The handlers of the toolkit, working in one devbox. */
export const layer = (
  devbox: Devbox,
  { maxEntries = 500, maxOutput = 32 * 1024 }: Options = {}
): Layer.Layer<Tool.HandlersFor<typeof toolkit.tools>> => {
  const failing = <A>(effect: Effect.Effect<A, { readonly message: string }>) =>
    Effect.mapError(effect, ({ message }) => new ToolFailure({ error: message }))
  const place = (method: string, at: string) => ({ module: "FileSystem", method, path: at }) as const
  return toolkit.toLayer(
    toolkit.of({
      run_command: ({ command, timeoutSeconds }) =>
        failing(
          Effect.map(
            devbox.cmd.exec(command, { timeout: Duration.seconds(timeoutSeconds), maxOutput }),
            ({ exitCode, stderr, stderrTruncated, stdout, stdoutTruncated }) => ({
              exitCode,
              stdout,
              stderr,
              truncated: stdoutTruncated || stderrTruncated
            })
          )
        ),
      read_file: ({ firstLine, lines, path: at }) =>
        failing(
          Effect.map(devbox.file.read(at), (text) => {
            const all = linesOf(text)
            const from = Math.max(0, firstLine - 1)
            return { text: all.slice(from, from + lines).join("\n"), totalLines: all.length }
          })
        ),
      write_file: ({ contents, path: at }) =>
        failing(Effect.as(devbox.file.write(at, contents), { bytes: new TextEncoder().encode(contents).length })),
      list_files: ({ depth, path: at }) =>
        failing(
          Effect.map(
            run(devbox, place("list_files", at), [
              "find",
              `${operand(at)}/`,
              "-mindepth",
              "1",
              "-maxdepth",
              String(Math.max(1, depth)),
              "(",
              "-type",
              "d",
              "-printf",
              "%P/\\0",
              "-o",
              "-printf",
              "%P\\0",
              ")"
            ]),
            (text) => {
              const files = text.split("\0").slice(0, -1).sort()
              return { files: files.slice(0, maxEntries), truncated: files.length > maxEntries }
            }
          )
        ),
      search_files: ({ path: at, pattern }) =>
        failing(
          Effect.gen(function* () {
            // What prints more than is shown is not read to its end, but ended with the scope.
            const grep = yield* devbox.cmd.execAsync([
              "env",
              "LC_ALL=C.UTF-8",
              "grep",
              "-rnIZE",
              "-m",
              String(maxEntries),
              "-e",
              pattern,
              "--",
              operand(at)
            ])
            const lines = yield* Stream.runCollect(Stream.take(grep.stdoutLines, maxEntries + 1))
            const truncated = lines.length > maxEntries
            if (!truncated) {
              const { exitCode, stderr } = yield* grep.result
              // 1 means that nothing matched.
              if (exitCode > 1) return yield* Effect.fail(fromTool(place("search_files", at), stderr, exitCode))
            }
            const matches = lines.slice(0, maxEntries).flatMap((line) => {
              const [, file, number, text] = /^([^\0]*)\0(\d+):(.*)$/.exec(line) ?? []
              return file === undefined
                ? []
                : [{ path: file.replace(/^\.\//, ""), line: Number(number), text: (text ?? "").slice(0, 500) }]
            })
            return { matches, truncated }
          }).pipe(Effect.scoped)
        )
    })
  )
}
