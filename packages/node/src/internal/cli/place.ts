/** The two ends of a copy: a path in a devbox, a path on this machine, or `-` for the standard streams. */
import type { Devbox } from "@effect-devbox/core/DevboxHandle"
import * as Effect from "effect/Effect"
import { stat } from "node:fs/promises"
import { inHome } from "../inHome.ts"
import { UsageError } from "./errors.ts"

/** One end of a copy. */
export type Place =
  | { readonly kind: "inside"; readonly devbox: string; readonly path: string }
  | { readonly kind: "here"; readonly path: string }
  | { readonly kind: "stream" }

/** `BOX:PATH`, `PATH` or `-`. A path here with a colon in its first part is written `./a:b`. */
export const parsePlace = (word: string): Effect.Effect<Place, UsageError> => {
  if (word === "-") return Effect.succeed({ kind: "stream" })
  const inside = /^([^/.:][^/:]*):(.*)$/s.exec(word)
  if (inside !== null) return Effect.succeed({ kind: "inside", devbox: inside[1]!, path: inside[2] || "." })
  return word === ""
    ? Effect.fail(new UsageError({ detail: "a path is empty" }))
    : Effect.succeed({ kind: "here", path: word })
}

/** What is at a path. */
export interface Found {
  readonly kind: "file" | "folder" | "nothing"
  readonly mode?: number | undefined
  readonly size?: number | undefined
}

const look =
  'if [ -d "$1" ]; then echo folder; elif [ -e "$1" ]; then echo "file $(stat -L -c "%a %s" -- "$1")"; else echo nothing; fi'

/** What is at a path in a devbox. */
export const inside = (devbox: Devbox, path: string) =>
  Effect.map(devbox.cmd.execOrFail(["sh", "-c", look, "sh", inHome(path)]), ({ stdout }): Found => {
    const [kind, mode, size] = stdout.trim().split(" ")
    return kind === "file"
      ? { kind, mode: mode === undefined ? undefined : Number.parseInt(mode, 8), size: Number(size) }
      : { kind: kind === "folder" ? kind : "nothing" }
  })

/** What is at a path on this machine. */
export const here = (path: string): Effect.Effect<Found> =>
  Effect.promise(() =>
    stat(path).then(
      (found): Found =>
        found.isDirectory() ? { kind: "folder" } : { kind: "file", mode: found.mode & 0o777, size: found.size },
      (): Found => ({ kind: "nothing" })
    )
  )

/** Whether a path says that it is a folder. */
export const saysFolder = (path: string): boolean => /(^|\/)\.{0,2}$/.test(path)

/** Whether a path means the contents of a folder and not the folder. */
export const meansContents = (path: string): boolean => /(^|\/)\.$/.test(path)
