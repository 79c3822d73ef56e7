/** Files: text derived from bytes, and the shapes users may give contents in. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { Shape } from "../../DevboxBackend.ts"
import { type FileAccessError, FileError } from "../../DevboxError.ts"
import type { Contents } from "../../DevboxHandle.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import type { ExecutionDetail } from "../../Execution.ts"
import { idempotent, keyed, reopened } from "../retry.ts"

const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (parts.length === 1) return parts[0]!
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const gather = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Uint8Array, E> =>
  Effect.map(Stream.runCollect(stream), concat)

/** A path that no file system takes is refused before it is sent. */
const checked = (devboxId: DevboxId, path: string): Effect.Effect<string, FileError> =>
  path === "" || path.includes("\0")
    ? Effect.fail(
        new FileError({
          devboxId,
          path,
          kind: "InvalidPath",
          detail: path === "" ? "it is empty" : "it contains a NUL character"
        })
      )
    : Effect.succeed(path)

/** The bytes of a file, all at once; read again from the beginning when the connection breaks. */
export const download = (backend: Shape, id: DevboxId, path: string): Effect.Effect<Uint8Array, FileAccessError> =>
  Effect.flatMap(checked(id, path), (valid) => idempotent(gather(backend.download(id, valid))))

/** The bytes of a file as they come; a connection that breaks among them is the reader's to handle. */
export const downloadStream = (
  backend: Shape,
  id: DevboxId,
  path: string
): Stream.Stream<Uint8Array, FileAccessError> =>
  Stream.unwrap(Effect.map(checked(id, path), (valid) => reopened(backend.download(id, valid))))

/** A file as text. */
export const read = (backend: Shape, id: DevboxId, path: string): Effect.Effect<string, FileAccessError> =>
  Effect.flatMap(checked(id, path), (valid) => idempotent(gather(backend.download(id, valid, { text: true })))).pipe(
    Effect.flatMap((bytes) =>
      Effect.try({
        // A byte order mark is a character of the file like any other.
        try: () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
        catch: () => new FileError({ devboxId: id, path, kind: "InvalidUtf8" })
      })
    )
  )

/** Writes text; the same text again does no harm. */
export const write = (
  backend: Shape,
  id: DevboxId,
  path: string,
  contents: string
): Effect.Effect<ExecutionDetail, FileAccessError> =>
  Effect.flatMap(checked(id, path), (valid) => {
    const bytes = new TextEncoder().encode(contents)
    return keyed(backend.upload(id, valid, Stream.make(bytes), { text: true, size: bytes.length }))
  })

/** Writes bytes, text or a stream of bytes. */
export const upload = <E, R>(
  backend: Shape,
  id: DevboxId,
  path: string,
  contents: Contents | Stream.Stream<Uint8Array, E, R>,
  options: { readonly size?: number | undefined } = {}
): Effect.Effect<void, FileAccessError | E, R> =>
  Effect.flatMap(checked(id, path), (valid): Effect.Effect<void, FileAccessError | E, R> => {
    if (Predicate.isString(contents) || contents instanceof Uint8Array) {
      const bytes = Predicate.isString(contents) ? new TextEncoder().encode(contents) : contents
      return Effect.asVoid(keyed(backend.upload(id, valid, Stream.make(bytes), { size: bytes.length })))
    }
    // Sent once: the user's stream may not be able to run a second time.
    return Effect.contextWith((context: Context.Context<R>) =>
      Effect.asVoid(backend.upload(id, valid, Stream.provideContext(contents, context), options))
    )
  })
