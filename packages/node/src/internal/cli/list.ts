/** `devbox list`: what there is. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { DevboxInfo } from "@effect-devbox/core/DevboxModel"
import { isOver, withDevboxes } from "./backend.ts"
import * as Flags from "./flags.ts"
import { devboxJson } from "./json.ts"
import { age, harmless, print, printJson, styles, table } from "./out.ts"

const statuses = [
  "queued",
  "provisioning",
  "initializing",
  "running",
  "suspending",
  "suspended",
  "resuming",
  "failure",
  "shutdown"
] as const

const flags = {
  all: Flags.toggle("all", "Those that have ended, too", "a"),
  status: Flag.Literals("status", statuses).pipe(Flag.withDescription("Only those in this state"), Flag.optional),
  metadata: Flags.pairs("metadata", "m", "Only those with this label. Can stand several times"),
  quiet: Flags.toggle("quiet", "Ids only, one a line", "q")
}

/** A state in the colour of how well it is. */
export const statusText = (status: DevboxInfo["status"]): string => {
  const { dim, green, red, yellow } = styles("stdout")
  const paint = status === "running" ? green : status === "failure" ? red : status === "shutdown" ? dim : yellow
  return paint(status)
}

/** The command. */
export const list = Command.make("list", flags, (input) =>
  withDevboxes((devboxes, { json }) =>
    Effect.gen(function* () {
      const { all, metadata, quiet, status } = Flags.given(input)
      const found = yield* Stream.runCollect(devboxes.list({ status, metadata }))
      const infos = all || status !== undefined ? found : found.filter((info) => !isOver(info))
      if (json) return yield* printJson(infos.map(devboxJson))
      if (quiet) return yield* Effect.forEach(infos, (info) => print(info.id), { discard: true })
      const { bold } = styles("stdout")
      yield* print(
        table([
          ["ID", "NAME", "STATUS", "AGE", "ISOLATION"].map(bold),
          ...infos.map((info) => [
            info.id,
            harmless(info.name ?? "-"),
            statusText(info.status),
            age(info.createTimeMs),
            info.isolation ?? "remote"
          ])
        ])
      )
    })
  )
).pipe(
  Command.withAlias("ls"),
  Command.withShortDescription("List devboxes"),
  Command.withDescription("Lists the devboxes that have not ended, newest first."),
  Command.withExamples([
    { command: "devbox list --metadata team=search", description: "Those with a label" },
    { command: "devbox list --all --json", description: "All of them, for a machine" },
    { command: "devbox rm $(devbox list -q)", description: "End all of them" }
  ])
)
