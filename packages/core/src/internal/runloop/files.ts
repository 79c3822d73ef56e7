/** Files over the wire. Transfers have no deadline: they fail when nothing moves for too long, not when they are large. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"
import { DevboxApi } from "../../DevboxApi.ts"
import type { Implementation } from "../../DevboxBackend.ts"
import { type FileAccessError, TransportError } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { ExecutionDetail } from "../../Execution.ts"
import { uploadBody } from "./multipart.ts"
import { silence, watched } from "./sse.ts"
import type { Ask, Failure, Transport } from "./transport.ts"

/** Text up to this size goes the way for text, whose answer says what came of it. */
const textLimit = 8 * 1024 * 1024

/** So large a piece is sent at once; in larger ones a slow connection could not be told from a dead one. */
const pieceSize = 256 * 1024

const pieces = <E>(contents: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
  Stream.flatMap(contents, (bytes) => {
    if (bytes.length <= pieceSize) return Stream.succeed(bytes)
    const cuts = Array.from({ length: Math.ceil(bytes.length / pieceSize) }, (_, index) => index * pieceSize)
    return Stream.fromIterable(cuts.map((at) => bytes.subarray(at, at + pieceSize)))
  })

const text = (parts: ReadonlyArray<Uint8Array>): string => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode()
}

const url = HttpApiClient.urlBuilder(DevboxApi)

const touching = (operation: string, id: DevboxId, path: string) =>
  ({
    operation,
    about: { resource: "devbox", id },
    fails: ["ResourceNotFound", "DevboxNotReady", "FileError"],
    file: { devboxId: id, path }
  }) satisfies Ask<"ResourceNotFound" | "DevboxNotReady" | "FileError">

/** See `DevboxBackend`. */
export const files = (transport: Transport) => {
  const { call, httpClient } = transport
  const { files } = transport.api

  const download: Implementation["download"] = (id, path, options) => {
    const ask = { ...touching("download", id, path), reads: true }
    const opened =
      options?.text === true
        ? files.read({ params: { id }, headers: { accept: "text/plain" }, payload: { filePath: path } })
        : files.download({ params: { id }, headers: { accept: "application/octet-stream" }, payload: { path } })
    return Stream.unwrap(
      Effect.map(
        call(ask, opened),
        (bytes): Stream.Stream<Uint8Array, FileAccessError> =>
          Stream.catch(watched(bytes), (error) => Stream.fromEffect(transport.judged(ask, error)))
      )
    )
  }

  const write = <E>(id: DevboxId, path: string, contents: Stream.Stream<Uint8Array, E>) =>
    Effect.flatMap(Stream.runCollect(contents), (parts) =>
      call(
        touching("upload", id, path),
        // A byte order mark is a character of the file like any other.
        files.write({ params: { id }, payload: { filePath: path, contents: text(parts) } })
      )
    )

  const send = <E>(
    id: DevboxId,
    path: string,
    contents: Stream.Stream<Uint8Array, E>,
    size: number | undefined
  ): Effect.Effect<ExecutionDetail, FileAccessError | E> =>
    Effect.suspend(() => {
      const ask = touching("upload", id, path)
      // The contents' own failure must come out as it is, not as what the connection made of it.
      let failed: { readonly error: E } | undefined
      let movedAt = 0
      let awaitingSource = false
      const moved = Effect.map(Clock.currentTimeMillis, (now) => {
        movedAt = now
        awaitingSource = false
      })
      const source = Stream.tapError(pieces(contents), (error) => Effect.sync(() => (failed = { error })))
      // While a piece is awaited the time is the source's; the rest is the connection's.
      const body = Stream.transformPull(source, (pull) =>
        Effect.succeed(
          Effect.suspend(() => {
            awaitingSource = true
            return Effect.onExit(pull, () => moved)
          })
        )
      )
      const request = Effect.suspend(() =>
        httpClient.execute(
          HttpClientRequest.post(url.files.upload({ params: { id } })).pipe(
            HttpClientRequest.setBody(uploadBody(path, body, size))
          )
        )
      )
      const stalled = Effect.gen(function* () {
        movedAt = yield* Clock.currentTimeMillis
        while (true) {
          yield* Effect.sleep(silence)
          if (!awaitingSource && (yield* Clock.currentTimeMillis) - movedAt >= Duration.toMillis(silence)) {
            const detail = `nothing of the upload was taken, and it was not answered, for ${Duration.format(silence)}`
            return yield* Effect.fail(new TransportError({ detail }))
          }
        }
      })
      const sent = Effect.raceFirst(
        Effect.flatMap(request, (response) => Effect.ignore(response.text)),
        stalled
      ).pipe(
        Effect.catch((error): Effect.Effect<never, Failure<"ResourceNotFound" | "DevboxNotReady" | "FileError"> | E> => {
          return failed === undefined ? transport.judged(ask, error) : Effect.fail(failed.error)
        }),
        Effect.as(new ExecutionDetail({ devboxId: id, exitStatus: 0, stdout: "", stderr: "" }))
      )
      return transport.existing(ask, sent)
    })

  return {
    download,
    upload: (id, path, contents, options) =>
      options?.text === true && options.size !== undefined && options.size <= textLimit
        ? write(id, path, contents)
        : send(id, path, contents, options?.size)
  } satisfies Partial<Implementation>
}
