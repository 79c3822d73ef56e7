/** A terminal inside on the terminal here: what is typed goes in as it is, the size follows, and all is put back at the end. */
import type { Devbox, Pty } from "@effect-devbox/core/DevboxHandle"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { quote } from "../sandbox/quote.ts"
import type { Devboxes } from "./backend.ts"
import { type HostError, hostError } from "./errors.ts"
import { write } from "./out.ts"

/** What runs in the terminal, and how. */
export interface Opened {
  /** Default: a login shell. One word is text for bash; several are run as they are. */
  readonly command?: ReadonlyArray<string> | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly cwd?: string | undefined
}

const size = () => ({ cols: process.stdout.columns || 80, rows: process.stdout.rows || 24 })

/** Keys come one by one and mean nothing here, until the scope closes. */
const raw = Effect.acquireRelease(
  Effect.sync(() => process.stdin.isTTY && process.stdin.setRawMode(true)),
  () => Effect.sync(() => process.stdin.isTTY && process.stdin.setRawMode(false))
)

/** The sizes that the terminal here takes. */
const resizes = Effect.gen(function* () {
  const changes = yield* Queue.sliding<void>(1)
  const changed = () => void Queue.offerUnsafe(changes, undefined)
  yield* Effect.acquireRelease(
    Effect.sync(() => process.stdout.on("resize", changed)),
    () => Effect.sync(() => process.stdout.off("resize", changed))
  )
  return changes
})

/**
 * What is typed here, and Ctrl-D when that is over, as of a pipe. It is typed again until the terminal ends: one that comes
 * while a program changes the terminal's mode is lost, and each program that reads needs one of its own.
 */
const type = (pty: Pty) =>
  Stream.fromAsyncIterable<Uint8Array, HostError>(process.stdin, hostError("reading from stdin")).pipe(
    Stream.run(pty.input),
    Effect.andThen(Effect.repeat(pty.send("\x04"), Schedule.spaced("500 millis"))),
    Effect.ignore
  )

/** Opens a terminal and stays in it to its end; gives the exit status of what ran in it. */
export const openTerminal = (devboxes: Devboxes, devbox: Devbox, { command, cwd, env }: Opened) =>
  Effect.scoped(
    Effect.gen(function* () {
      const named = { ...(process.env["TERM"] === undefined ? {} : { TERM: process.env["TERM"] }), ...env }
      const text = command === undefined || command.length <= 1 ? command?.[0] : command.map(quote).join(" ")
      const pty = yield* devbox.cmd.pty({
        ...size(),
        ...(text === undefined ? {} : { command: text }),
        // What a backend cannot give is asked of it only when somebody wants it.
        ...(Object.keys(env ?? {}).length > 0 || devboxes.capabilities.features.has("executionEnv")
          ? { env: named }
          : {}),
        ...(cwd === undefined ? {} : { cwd })
      })
      yield* raw
      const changes = yield* resizes
      yield* Effect.forkScoped(
        Effect.forever(
          Effect.andThen(
            Queue.take(changes),
            Effect.suspend(() => Effect.ignore(pty.resize(size())))
          )
        )
      )
      yield* Effect.forkScoped(type(pty))
      yield* Stream.runForEach(pty.output, (chunk) => write("stdout", chunk))
      return yield* pty.exit
    })
  )
