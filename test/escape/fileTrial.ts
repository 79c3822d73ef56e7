/**
 * The shape of an attempt by way of the SDK's own operations: the box has prepared something, and the host is asked to walk
 * into it. The control is what a careless host would do with the same name: open it below the devbox's directory.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Devbox, type Devbox as Handle } from "@effect-devbox/core"
import { Cause, Effect, Exit } from "effect"
import { newSecret } from "./attempt.ts"
import type { Trial } from "./suite.ts"
import type { Outcome } from "./tryOut.ts"
import { upperOf } from "./upper.ts"

/** What an attempt has to work with. */
export interface Place {
  readonly devbox: Handle.Devbox
  /** The devbox's home as it lies on the host's disk. */
  readonly homeOnHost: string
  /** A directory of the host with the file `secret.txt`; nothing else may appear in it. */
  readonly target: string
}

/** One attempt through the SDK. */
export interface FileTrial {
  readonly id: string
  readonly title: string
  /** What the box does to prepare. */
  readonly prepare?: (place: Place) => string
  /** The name that is given to the host. */
  readonly name: (place: Place) => string
  readonly kind: "read" | "write"
  /** The operation of the SDK; text that it gives is searched for the secret. */
  readonly operation: (place: Place, name: string) => Effect.Effect<string | Uint8Array | void, unknown>
}

const secretFile = "secret.txt"
const plantedFile = "planted.txt"

/** Names in the target directory by which attempts are made. */
export const files = { secret: secretFile, planted: plantedFile }

const say = (exit: Exit.Exit<string, unknown>, kind: FileTrial["kind"]): string => {
  if (Exit.isSuccess(exit)) {
    return kind === "write" ? "it wrote a file inside" : `it gave ${JSON.stringify(exit.value.slice(0, 60))}`
  }
  const error = Cause.squash(exit.cause)
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/(\.\.\/){3,}/g, "../…/")
    .slice(0, 150)
}

const opened = (place: Place, trial: FileTrial): string => {
  const name = trial.name(place).replace(/^~\//, "")
  return name.startsWith("/") ? name : `${place.homeOnHost}/${name}`
}

/** Makes the careless control, puts the host back, and asks the SDK for the same. */
export const fileTrial = (trial: FileTrial): Trial => ({
  id: trial.id,
  title: trial.title,
  make: ({ scene, run }) =>
    run(
      Effect.gen(function* () {
        const secret = newSecret()
        const target = join(scene.directory, trial.id)
        mkdirSync(target)
        writeFileSync(join(target, secretFile), secret)
        const planted = join(target, plantedFile)
        const devbox = yield* Devbox.create()
        const place: Place = {
          devbox,
          homeOnHost: join(upperOf(scene.stateDir, devbox.id), "home/user"),
          target
        }
        // The home must exist on the host's disk for a careless host to walk through it.
        yield* devbox.cmd.execOrFail(`touch ~/.here; ${trial.prepare?.(place) ?? ""}`)

        const careless = opened(place, trial)
        const outside =
          trial.kind === "read"
            ? readFileSync(careless, "utf8") === secret
            : (writeFileSync(careless, "planted"), existsSync(planted))
        rmSync(planted, { force: true })
        if (!outside) return invalid(trial, "a careless host would not have been fooled either")

        const exit = yield* Effect.exit(
          Effect.map(trial.operation(place, trial.name(place)), (given) =>
            given instanceof Uint8Array ? Buffer.from(given).toString() : (given ?? "")
          )
        )
        const escaped =
          existsSync(planted) ||
          readFileSync(join(target, secretFile), "utf8") !== secret ||
          (Exit.isSuccess(exit) && exit.value.includes(secret))
        rmSync(target, { recursive: true })
        return {
          attempt: trial,
          verdict: escaped ? "escaped" : "refused",
          outside: true,
          detail: say(exit, trial.kind)
        } as const
      })
    )
})

const invalid = (trial: FileTrial, detail: string): Outcome => ({
  attempt: trial,
  verdict: "invalid",
  outside: false,
  detail
})
