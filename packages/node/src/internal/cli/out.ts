/** What is printed: results on stdout, everything else on stderr, colours only for a terminal. The one place that writes. */
import * as Effect from "effect/Effect"
import { stripVTControlCharacters } from "node:util"
import { OutputClosed } from "./errors.ts"

/** One of the two outputs of this process. */
export type Output = "stdout" | "stderr"

// A closed pipe is told to whoever writes; without a listener it would end the process with a stack trace.
for (const output of ["stdout", "stderr"] as const) process[output].on("error", () => {})

/** Writes bytes as they are and waits until they are gone. */
export const write = (output: Output, bytes: string | Uint8Array): Effect.Effect<void, OutputClosed> =>
  Effect.callback((resume) => {
    process[output].write(bytes, (error) => resume(error ? Effect.fail(new OutputClosed()) : Effect.void))
  })

/** A result for people or machines. */
export const print = (line: string): Effect.Effect<void, OutputClosed> => write("stdout", `${line}\n`)

/** A remark that is not the result. Nobody listening is no reason to stop. */
export const say = (line: string): Effect.Effect<void> => Effect.ignore(write("stderr", `${line}\n`))

/** One JSON value on one line. */
export const printJson = (value: unknown): Effect.Effect<void, OutputClosed> => print(JSON.stringify(value))

/** Whether an output is a terminal that can show more than text. */
export const isLively = (output: Output): boolean => process[output].isTTY && process.env["TERM"] !== "dumb"

/** Whether an output shows colours. */
export const hasColours = (output: Output): boolean => isLively(output) && !process.env["NO_COLOR"]

/** The styles of an output; each gives the text as it is where colours do not belong. */
export const styles = (output: Output) => {
  const paint = (code: number) => (text: string) => (hasColours(output) ? `\x1b[${code}m${text}\x1b[0m` : text)
  return { bold: paint(1), dim: paint(2), red: paint(31), green: paint(32), yellow: paint(33), cyan: paint(36) }
}

/** What a devbox says may not steer the terminal of who reads it. */
export const harmless = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- they are what is taken out
  stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "�")

const width = (text: string): number => stripVTControlCharacters(text).length

/** Columns as wide as what is in them. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => width(row[column] ?? ""))))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** A number of bytes as people say it. */
export const bytes = (count: number): string => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"]
  let value = count
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** How long ago something was, in its largest unit. */
export const age = (since: number): string => {
  const seconds = Math.max(0, Math.round((Date.now() - since) / 1000))
  for (const [size, unit] of [
    [86_400, "d"],
    [3600, "h"],
    [60, "m"]
  ] as const) {
    if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`
  }
  return `${seconds}s`
}
