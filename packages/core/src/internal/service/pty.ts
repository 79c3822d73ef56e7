/** Terminals: their size is checked before anything is asked for, and text is decoded across readers. */
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Shape } from "../../DevboxBackend.ts"
import { BackendError, InvalidRequestError } from "../../DevboxError.ts"
import type { Pty, PtyOptions } from "../../DevboxHandle.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import type { TerminalSize } from "../../Execution.ts"
import { decodeWith, makeDecoder } from "../decode.ts"
import { encode } from "../encode.ts"
import { once } from "../retry.ts"

const usual: TerminalSize = { cols: 80, rows: 24 }
const largest = 1000

const checkSize = (backend: Shape, { cols, rows }: TerminalSize): Effect.Effect<void, BackendError> =>
  [cols, rows].every((side) => Number.isInteger(side) && side >= 1 && side <= largest)
    ? Effect.void
    : Effect.fail(
        new BackendError({
          backend: backend.name,
          operation: "pty",
          outcome: "rejected",
          reason: new InvalidRequestError({
            detail: `a terminal of ${cols} by ${rows} characters; each side is a whole number from 1 to ${largest}`
          })
        })
      )

/** Opens a terminal that ends with the scope. */
export const openPty = (backend: Shape, id: DevboxId, options: PtyOptions = {}) =>
  Effect.gen(function* () {
    const size = { cols: options.cols ?? usual.cols, rows: options.rows ?? usual.rows }
    yield* checkSize(backend, size)
    const terminal = yield* once(backend.openTerminal(id, { ...options, ...size }))
    const pty: Pty = {
      devboxId: id,
      output: terminal.output,
      text: decodeWith(makeDecoder(), terminal.output),
      input: Sink.mapInput(terminal.input, encode),
      send: (input) => Stream.run(Stream.make(encode(input)), terminal.input),
      resize: (to) => Effect.andThen(checkSize(backend, to), terminal.resize(to)),
      exit: terminal.exit
    }
    return pty
  })
