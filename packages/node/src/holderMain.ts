/**
 * The process that keeps one detached devbox: started by `createDetached` with its order on stdin, it answers `ready` on
 * stdout, writes down what happens in the box, watches its time, and ends when the box does. Not for people to run.
 */
import { text } from "node:stream/consumers"
import { type HolderOrder, ready } from "./internal/local/detached.ts"
import { hold } from "./internal/local/holding.ts"

// Terminals and process groups of whoever started us are not ours; the box's end is.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {})

const say = (line: string): void => {
  process.stdout.on("error", () => {})
  process.stdout.write(`${line.replaceAll("\n", " ").trim()}\n`)
}

try {
  const { dismiss, over } = await hold(JSON.parse(await text(process.stdin)) as HolderOrder)
  process.on("SIGTERM", dismiss)
  say(ready)
  await over
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
// Who waits for our end must not wait for anything that lingers.
process.exit()
