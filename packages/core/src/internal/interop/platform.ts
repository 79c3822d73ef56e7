/** What goes wrong in a devbox → the `PlatformError` of Effect's own interfaces. One table of words, one of error tags. */
import * as PlatformError from "effect/PlatformError"
import type { ExecError, FileAccessError } from "../../DevboxError.ts"

/** Where an error belongs: the interface, its method, and what it was about. */
export interface Place {
  readonly module: "FileSystem" | "ChildProcess"
  readonly method: string
  readonly path?: string | undefined
}

/** What the tools of a devbox say in the C locale, as Node's error codes are mapped by Effect's own implementation. */
const said: ReadonlyArray<readonly [RegExp, PlatformError.SystemErrorTag]> = [
  [/No such file or directory/, "NotFound"],
  [/Permission denied|Operation not permitted/, "PermissionDenied"],
  [/File exists/, "AlreadyExists"],
  [/Is a directory|cannot overwrite (non-)?directory/, "BadResource"],
  [/Not a directory|Too many levels of symbolic links/, "BadResource"],
  [/Device or resource busy/, "Busy"]
]

const kinds: Readonly<Record<string, PlatformError.SystemErrorTag>> = {
  NotFound: "NotFound",
  PermissionDenied: "PermissionDenied",
  IsDirectory: "BadResource"
}

const failure = (
  { method, module, path }: Place,
  tag: PlatformError.SystemErrorTag,
  description: string,
  cause?: unknown
): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: tag,
    module,
    method,
    description,
    ...(path === undefined ? {} : { pathOrDescriptor: path }),
    ...(cause === undefined ? {} : { cause })
  })

/** A tool failed and said this. */
export const fromTool = (place: Place, stderr: string, exitCode: number): PlatformError.PlatformError => {
  const description = stderr.trim() === "" ? `the devbox's tool ended with ${exitCode}` : stderr.trim()
  return failure(place, said.find(([words]) => words.test(description))?.[1] ?? "Unknown", description)
}

/** The devbox itself could not be asked, or refused. A devbox that is gone is no missing file. */
export const fromDevbox =
  (place: Place) =>
  (error: ExecError | FileAccessError): PlatformError.PlatformError =>
    failure(
      place,
      error._tag === "FileError"
        ? (kinds[error.kind] ?? "Unknown")
        : error._tag === "WaitTimeout"
          ? "TimedOut"
          : "Unknown",
      error.message,
      error
    )

/** The caller asked for something that makes no sense, or that a devbox cannot do. */
export const badArgument = ({ method, module }: Place, description: string): PlatformError.PlatformError =>
  PlatformError.badArgument({ module, method, description })
