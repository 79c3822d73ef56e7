/** `devbox gc`: puts in order what crashes left in the state folder. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { UsageError } from "./errors.ts"
import { settings } from "./flags.ts"
import { print, printJson } from "./out.ts"

const count = ({ length }: ReadonlyArray<string>, one: string, many: string) => `${length} ${length === 1 ? one : many}`

/** The command. */
export const gc = Command.make("gc", {}, () =>
  Effect.gen(function* () {
    const { backend, json, stateDir } = yield* settings
    if (backend !== "local") {
      return yield* new UsageError({ detail: "gc is about the state folder of this machine; leave out --backend" })
    }
    const local = yield* Effect.promise(() => import("../../LocalBackend.ts"))
    const report = yield* local.gc(stateDir)
    if (json) return yield* printJson(report)
    const { ended, removed, snapshots, suspended } = report
    const lost = count(ended, "devbox without an owner", "devboxes without an owner")
    yield* print(
      `ended ${lost}, kept ${count(suspended, "disk", "disks")}, gave up ${count(snapshots, "snapshot", "snapshots")}, removed ${count(removed, "folder", "folders")}`
    )
  })
).pipe(
  Command.withShortDescription("Put in order what crashes left"),
  Command.withDescription(
    "Writes down the end of devboxes whose process died, keeps the disks of those that were to outlive it, and removes folders that belong to nobody. It never touches what belongs to a living process, and every other command does the same for what stands in its way."
  ),
  Command.withExamples([{ command: "devbox gc --json", description: "What was found" }])
)
