/** `devbox run`: one command over the current folder in a devbox that is gone afterwards. */
import type { Devbox } from "@effect-devbox/core/DevboxHandle"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { homedir } from "node:os"
import * as path from "node:path"
import { plainImage } from "./argv.ts"
import { withDevboxes } from "./backend.ts"
import { copyIn, copyOut } from "./copy.ts"
import { blueprint, boxFlags, boxOptions } from "./create.ts"
import { UsageError } from "./errors.ts"
import { howFlags } from "./exec.ts"
import { execute, exitWith } from "./execute.ts"
import * as Flags from "./flags.ts"
import { isLively, say } from "./out.ts"
import { progress } from "./progress.ts"
import { forPeople, render } from "./renderError.ts"

const flags = {
  ...boxFlags,
  ...howFlags,
  upload: Flags.text("upload", "DIR", "The folder to take along; default: the current one"),
  noUpload: Flags.toggle("no-upload", "Takes nothing along"),
  allFiles: Flags.toggle("all-files", "Takes along what .gitignore leaves out, too, and .git and node_modules"),
  fetch: Flag.String("fetch").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription(
      "Brings a file or folder back to the same path here, whatever became of the command. Can stand several times"
    ),
    Flag.atLeast(0)
  )
}

/** Where the folder lies inside, under its own name. */
const insideOf = (folder: string): string => path.basename(folder) || "root"

/** The folder to take along; by accident nobody's whole home. */
const folderOf = (upload: string | undefined): Effect.Effect<string, UsageError> => {
  const folder = path.resolve(upload ?? ".")
  return upload === undefined && (folder === homedir() || folder === path.parse(folder).root)
    ? Effect.fail(
        new UsageError({
          detail: `the current folder is ${folder}, which is hardly what is to be taken along`,
          hint: "Say --no-upload, or which folder with --upload DIR."
        })
      )
    : Effect.succeed(folder)
}

const from = (image: string) =>
  image === plainImage ? undefined : image.startsWith("snp_") ? { snapshot: image } : blueprint(image)

/** Who forgets the dashes has said the first word of a command where an image stands. */
const noImage = (word: string) =>
  new UsageError({
    detail: `"${word}" is no snapshot, and this backend has no blueprints`,
    hint: `A command stands behind two dashes: devbox run -- ${word} …`
  })

const take = (devbox: Devbox, folder: string, allFiles: boolean, quiet: boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { ignored } = yield* Effect.promise(() => import("./ignore.ts"))
      const show = yield* progress(`taking ${path.basename(folder)} along`, quiet)
      yield* copyIn(devbox, `${folder}/.`, insideOf(folder), show, {
        exclude: allFiles ? undefined : ignored(folder),
        shown: !quiet && isLively("stderr")
      })
    })
  )

const bring = (devbox: Devbox, inside: string, folder: string, wanted: string, quiet: boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      const show = yield* progress(`bringing ${wanted} back`, quiet)
      const away = wanted.startsWith("/") || wanted.startsWith("~/")
      const source = away ? wanted : path.posix.join(inside, wanted)
      const target = path.join(folder, away ? path.posix.basename(wanted) : wanted)
      // The same place, not a folder of that name in it.
      yield* copyOut(devbox, source, path.dirname(target) + path.sep, show)
    })
  )

/** The command. */
export const run = Command.make(
  "run",
  {
    ...flags,
    image: Argument.String("image").pipe(
      Argument.withDescription(
        `A snapshot (snp_…) or a blueprint to start from. \`${plainImage}\`, or nothing before --, is a devbox as it comes`
      ),
      Argument.withDefault(plainImage)
    ),
    command: Flags.command
  },
  (input) =>
    withDevboxes((devboxes, { json }) =>
      Effect.gen(function* () {
        const { allFiles, command, cwd, env, fetch, image, noStdin, noUpload, timeout, upload } = Flags.given(input)
        if (command.length === 0) {
          return yield* new UsageError({ detail: "there is no command to run", hint: "devbox run -- npm test" })
        }
        for (const wanted of fetch) {
          if (path.posix.normalize(wanted).startsWith("..")) {
            return yield* new UsageError({ detail: `--fetch ${wanted} lies outside the folder` })
          }
        }
        const folder = noUpload ? undefined : yield* folderOf(upload)
        const exitCode = yield* Effect.scoped(
          Effect.gen(function* () {
            const devbox = yield* devboxes
              .create({ ...boxOptions(input), from: from(image) })
              .pipe(
                Effect.catchReason("BackendError", "UnsupportedError", (reason, error) =>
                  Effect.fail(image !== plainImage && /blueprint/.test(reason.detail) ? noImage(image) : error)
                )
              )
            const inside = folder === undefined ? "." : insideOf(folder)
            if (folder !== undefined) yield* take(devbox, folder, allFiles, json)
            const place = cwd === undefined ? inside : path.posix.join(inside, cwd)
            const status = yield* execute(devboxes, devbox, command, { cwd: place, env, timeout, noStdin, json })
            const brought = Effect.forEach(
              fetch,
              (wanted) => bring(devbox, inside, folder ?? process.cwd(), wanted, json),
              { discard: true }
            )
            // A command that failed may well not have made it; its status says more than what is missing.
            yield* status === 0 ? brought : Effect.catch(brought, (error) => say(forPeople(render(error))))
            return status
          })
        )
        yield* exitWith(exitCode)
      })
    )
).pipe(
  Command.withShortDescription("Run one command over the current folder, and clean up"),
  Command.withDescription(
    [
      "Creates a devbox, takes the current folder along, runs a command in it, brings back what --fetch names, and ends the devbox: always, also after Ctrl-C or an error. The command is run as `devbox exec` does, and its exit status is the result.",
      "What .gitignore and .devboxignore files leave out stays here, and .git and node_modules do."
    ].join("\n\n")
  ),
  Command.withExamples([
    { command: "devbox run -- npm test", description: "The tests of the current folder" },
    {
      command: "devbox run snp_… --fetch dist -- npm run build",
      description: "From a snapshot, with the result brought back"
    },
    { command: "devbox run --no-upload -- 'curl -s https://example.org | wc -c'", description: "Nothing taken along" }
  ])
)
