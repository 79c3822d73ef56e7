/** `devbox info`: what is known of a devbox. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { find, withDevboxes } from "./backend.ts"
import * as Flags from "./flags.ts"
import { devboxJson } from "./json.ts"
import { statusText } from "./list.ts"
import { age, harmless, print, printJson, styles, table } from "./out.ts"

/** The command. */
export const info = Command.make("info", { devbox: Flags.devbox }, ({ devbox }) =>
  withDevboxes((devboxes, { json }) =>
    Effect.gen(function* () {
      const found = yield* find(devboxes, devbox)
      if (json) return yield* printJson(devboxJson(found))
      const { launchParameters: launch, limits } = found
      const rows: ReadonlyArray<readonly [string, string | undefined]> = [
        ["id", found.id],
        ["name", found.name],
        ["status", statusText(found.status)],
        ["reason", found.failureReason ?? found.shutdownReason],
        ["created", `${new Date(found.createTimeMs).toISOString()} (${age(found.createTimeMs)} ago)`],
        ["ended", found.endTimeMs === undefined ? undefined : new Date(found.endTimeMs).toISOString()],
        ["isolation", found.isolation],
        ["network", found.network],
        [
          "limits",
          limits === undefined
            ? undefined
            : `memory ${limits.memory}, cpu ${limits.cpu}, processes ${limits.pids}, disk ${limits.disk}`
        ],
        ["keep alive", launch.keepAliveTimeSeconds === undefined ? undefined : `${launch.keepAliveTimeSeconds}s`],
        [
          "when idle",
          launch.afterIdle === undefined
            ? undefined
            : `${launch.afterIdle.onIdle} after ${launch.afterIdle.idleTimeSeconds}s`
        ],
        ["snapshot", found.snapshotId],
        ["blueprint", found.blueprintId],
        ["tunnel", found.tunnel?.urlTemplate ?? found.tunnel?.tunnelKey],
        ...Object.entries(found.metadata).map(([key, value]) => [`metadata ${key}`, value] as const)
      ]
      const { bold } = styles("stdout")
      yield* print(
        table(
          rows.flatMap(([key, value]) =>
            value === undefined ? [] : [[bold(key), key === "status" ? value : harmless(value)]]
          )
        )
      )
    })
  )
).pipe(
  Command.withShortDescription("Show what is known of a devbox"),
  Command.withDescription("Shows what is known of a devbox, also of one that has ended."),
  Command.withExamples([
    { command: "devbox info my-box", description: "By its name" },
    { command: "devbox info my-box --json", description: "For a machine" }
  ])
)
