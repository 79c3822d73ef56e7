/** Runs the ordinary tools of a devbox on one path: words that no shell sees, in a language that can be read. */
import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import type { Devbox } from "../../DevboxHandle.ts"
import { badArgument, fromDevbox, fromTool, type Place } from "./platform.ts"

/** A path that no tool takes for an option. Relative ones are taken from the home folder, as everywhere. */
export const operand = (path: string): string => (path.startsWith("/") ? path : `./${path}`)

/** Refuses paths that mean nothing. An empty one names no file. */
export const checkPath = (place: Place): Effect.Effect<void, PlatformError> => {
  const { path } = place
  if (path === "") return Effect.fail(fromTool(place, "the path is empty: No such file or directory", 1))
  return path?.includes("\0") === true
    ? Effect.fail(badArgument(place, "the path contains a NUL character"))
    : Effect.void
}

/** What a tool that failed may still count as. */
export interface RunOptions {
  readonly stdin?: Uint8Array | undefined
  readonly forgive?: ((stderr: string) => boolean) | undefined
  /** Fails when anything is said on stderr, for pipelines whose status is that of their end. */
  readonly silent?: boolean | undefined
}

/** Runs words in a devbox and gives what they print. */
export const run = (
  devbox: Devbox,
  place: Place,
  words: ReadonlyArray<string>,
  options: RunOptions = {}
): Effect.Effect<string, PlatformError> => {
  const command = ["env", "LC_ALL=C", ...words]
  const { stdin } = options
  const ended =
    stdin === undefined
      ? devbox.cmd.exec(command)
      : Effect.scoped(
          Effect.gen(function* () {
            const execution = yield* devbox.cmd.execAsync(command, { attachStdin: true })
            yield* execution.send(stdin)
            yield* execution.signal("EOF")
            return yield* execution.result
          })
        )
  return Effect.andThen(
    checkPath(place),
    Effect.gen(function* () {
      const result = yield* ended
      const failed = result.exitCode !== 0 || (options.silent === true && result.stderr !== "")
      if (failed && options.forgive?.(result.stderr) !== true) {
        return yield* Effect.fail(fromTool(place, result.stderr, result.exitCode))
      }
      return yield* result.allStdout()
    }).pipe(Effect.mapError((error) => (error._tag === "PlatformError" ? error : fromDevbox(place)(error))))
  )
}

/** Runs a script for sh; its arguments are `$1`, `$2`… */
export const runScript = (
  devbox: Devbox,
  place: Place,
  script: string,
  args: ReadonlyArray<string>,
  options?: RunOptions
): Effect.Effect<string, PlatformError> => run(devbox, place, ["sh", "-c", script, "sh", ...args], options)
