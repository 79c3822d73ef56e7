/** What the demo shows: a line when a step begins and ends, the output of commands as it comes, a table at the end. */
import { Clock, Console, Effect, Ref } from "effect"

const colour = process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined
const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)

export interface Row {
  readonly step: string
  readonly result: string
  readonly milliseconds: number
}

const milliseconds = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0))

/** Prints text from a devbox with a mark before each line. */
export const fromBox = (text: string) =>
  Console.log(
    text
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => `${paint(90, "  │")} ${line}`)
      .join("\n")
  )

/** Runs a step, says so, and notes its result and time. */
export const step =
  (rows: Ref.Ref<ReadonlyArray<Row>>) =>
  <A, E, R>(name: string, work: Effect.Effect<A, E, R>, describe: (value: A) => string): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      yield* Console.log(`${paint(36, "→")} ${name} …`)
      const before = yield* Clock.currentTimeNanos
      const value = yield* work
      const took = Number((yield* Clock.currentTimeNanos) - before) / 1e6
      const result = describe(value)
      yield* Console.log(`${paint(32, "✓")} ${name}: ${result} (${milliseconds(took)} ms)`)
      yield* Ref.update(rows, (all) => [...all, { step: name, result, milliseconds: took }])
      return value
    })

/** The table. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const lines = [["step", "result", "ms"], ...rows.map((row) => [row.step, row.result, milliseconds(row.milliseconds)])]
  const widths = [0, 1, 2].map((column) => Math.max(...lines.map((line) => line[column]!.length)))
  const format = (line: ReadonlyArray<string>) =>
    `  ${line[0]!.padEnd(widths[0]!)}  ${line[1]!.padEnd(widths[1]!)}  ${line[2]!.padStart(widths[2]!)}`
  return [
    format(lines[0]!),
    `  ${widths.map((width) => "─".repeat(width)).join("  ")}`,
    ...lines.slice(1).map(format)
  ].join("\n")
}
