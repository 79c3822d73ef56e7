/** `devbox cp`: copies files and folders in and out. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { attach, withDevboxes } from "./backend.ts"
import { copyFromStdin, copyIn, copyOut, copyToStdout } from "./copy.ts"
import { UsageError } from "./errors.ts"
import { bytes, isLively, printJson, say, styles } from "./out.ts"
import { parsePlace } from "./place.ts"
import { progress } from "./progress.ts"

/** The command. */
export const cp = Command.make(
  "cp",
  {
    source: Argument.String("source").pipe(Argument.withDescription("A path here, DEVBOX:PATH, or - for stdin")),
    destination: Argument.String("destination").pipe(
      Argument.withDescription("DEVBOX:PATH, a path here, or - for stdout. A folder that is there is copied into")
    )
  },
  ({ destination, source }) =>
    withDevboxes((devboxes, { json }) =>
      Effect.gen(function* () {
        const [from, to] = [yield* parsePlace(source), yield* parsePlace(destination)]
        const copied = yield* Effect.scoped(
          Effect.gen(function* () {
            const show = yield* progress(source, json)
            if (to.kind === "inside" && from.kind !== "inside") {
              const devbox = yield* attach(devboxes, to.devbox)
              return from.kind === "stream"
                ? yield* copyFromStdin(devbox, to.path)
                : yield* copyIn(devbox, from.path, to.path, show, { shown: !json && isLively("stderr") })
            }
            if (from.kind === "inside" && to.kind !== "inside") {
              const devbox = yield* attach(devboxes, from.devbox)
              return to.kind === "stream"
                ? yield* copyToStdout(devbox, from.path)
                : yield* copyOut(devbox, from.path, to.path, show)
            }
            return yield* new UsageError({
              detail: "a copy goes between this machine and a devbox",
              hint: "Write one of the two as DEVBOX:PATH; between two devboxes, copy through this machine."
            })
          })
        )
        if (json) return to.kind === "stream" ? undefined : yield* printJson(copied)
        if (isLively("stderr")) {
          yield* say(
            styles("stderr").dim(`${copied.files} file${copied.files === 1 ? "" : "s"}, ${bytes(copied.bytes)}`)
          )
        }
      })
    )
).pipe(
  Command.withShortDescription("Copy files and folders in and out"),
  Command.withDescription(
    "Copies a file or a folder between this machine and a devbox, as `cp -r` does: into the destination if that is a folder, else to that name; `folder/.` means what is in the folder. Modes of new files are kept. A file that is copied out appears when it is whole."
  ),
  Command.withExamples([
    { command: "devbox cp src my-box:project", description: "A folder in" },
    { command: "devbox cp my-box:project/dist .", description: "A folder out" },
    { command: "devbox cp my-box:report.json -", description: "A file to stdout" },
    { command: "tar c . | devbox cp - my-box:/tmp/all.tar", description: "Stdin to a file" }
  ])
)
