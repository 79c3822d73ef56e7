/** `devbox rm`: ends devboxes. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { attach, withDevboxes } from "./backend.ts"
import * as Flags from "./flags.ts"
import { devboxJson } from "./json.ts"
import { print, printJson } from "./out.ts"

/** The command. */
export const rm = Command.make(
  "rm",
  {
    force: Flags.toggle("force", "Even while a snapshot is being taken", "f"),
    devboxes: Flags.devbox.pipe(Argument.atLeast(1))
  },
  ({ devboxes: words, force }) =>
    withDevboxes((devboxes, { json }) =>
      Effect.gen(function* () {
        const handles = yield* Effect.forEach(words, (word) => attach(devboxes, word))
        // All are tried; what went wrong is said after that.
        const ended = yield* Effect.forEach(handles, (devbox) => Effect.exit(devbox.shutdown({ force })), {
          concurrency: 8
        })
        const infos = ended.flatMap((exit) => (exit._tag === "Success" ? [exit.value] : []))
        if (json) yield* printJson(infos.map(devboxJson))
        else yield* Effect.forEach(infos, (info) => print(info.id), { discard: true })
        yield* Effect.forEach(ended, (exit) => exit, { discard: true })
      })
    )
).pipe(
  Command.withShortDescription("End devboxes"),
  Command.withDescription(
    "Ends devboxes, with everything that runs in them and their disks. Ending one that has ended does nothing. Prints the ids."
  ),
  Command.withExamples([
    { command: "devbox rm my-box", description: "One" },
    { command: "devbox rm $(devbox list -q -m team=search)", description: "Those with a label" }
  ])
)
