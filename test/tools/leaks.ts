/**
 * `node test/tools/leaks.ts --state-dir DIR [--allow NAME]... [--since MILLISECONDS|FILE]` lists what is left of a state
 * directory and exits 1 when anything is. FILE stands for the time of its last change. It never removes anything.
 */
import { existsSync, statSync } from "node:fs"
import { parseArgs } from "node:util"
import { findLeaks } from "./findLeaks.ts"

const { values } = parseArgs({
  options: {
    "state-dir": { type: "string", multiple: true, default: [] },
    allow: { type: "string", multiple: true, default: [] },
    since: { type: "string" }
  }
})

const since =
  values.since === undefined
    ? undefined
    : existsSync(values.since)
      ? statSync(values.since).mtimeMs
      : Number(values.since)

if (values["state-dir"].length === 0 || Number.isNaN(since)) {
  console.error("usage: leaks.ts --state-dir DIR [--allow NAME]... [--since MILLISECONDS|FILE]")
  process.exit(2)
}

const leaks = values["state-dir"].flatMap((stateDir) => findLeaks({ stateDir, allow: values.allow, since }))
for (const leak of leaks) console.error(`left: ${leak.kind} ${leak.what} (${leak.why})`)
console.log(`leaks: ${leaks.length} of ${values["state-dir"].join(", ")}`)
process.exitCode = leaks.length === 0 ? 0 : 1
