/** Files over the wire. Transfers have no deadline: they fail when nothing moves for too long, not when they are large. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Implementation } from "../../DevboxBackend.ts"
import { type FileAccessError, FileError } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { ExecutionDetail } from "../../Execution.ts"
import { decodeText } from "../decode.ts"
import { measured } from "./metrics.ts"
import { uploadBody } from "./multipart.ts"
import { watched } from "./sse.ts"
import type { Ask, Transport } from "./transport.ts"
import { either, uploading } from "./uploading.ts"
import { files as described } from "../api/files.ts"

/** Text up to this size goes the way for text, whose answer says what came of it. */
const textLimit = 8 * 1024 * 1024

/** A write is sent whole, so it may take the time that a slow connection takes. */
const slowest = 32 * 1024

/** The answer to a write is that of a command, which can have failed (PROTOCOL P7). */
const written = (path: string, detail: ExecutionDetail): Effect.Effect<ExecutionDetail, FileError> => {
  const { devboxId, exitStatus, stderr } = detail
  if (exitStatus === 0) return Effect.succeed(detail)
  const said = (stderr.trim() || `exit status ${exitStatus}`).slice(0, 500)
  const kind = /permission denied/i.test(said) ? "PermissionDenied" : /no space/i.test(said) ? "NoSpace" : "Unknown"
  return Effect.fail(new FileError({ devboxId, path, kind, detail: said }))
}

const touching = (operation: string, id: DevboxId, path: string) =>
  ({
    operation,
    about: { resource: "devbox", id },
    fails: ["ResourceNotFound", "DevboxNotReady", "FileError"],
    file: { devboxId: id, path }
  }) satisfies Ask<"ResourceNotFound" | "DevboxNotReady" | "FileError">

/** See `DevboxBackend`. */
export const files = (transport: Transport) => {
  const { call } = transport
  const api = transport.client(described)

  const download: Implementation["download"] = (id, path, options) => {
    const ask = { ...touching("download", id, path), reads: true }
    const opened =
      options?.text === true
        ? api.read({ params: { id }, headers: { accept: "text/plain" }, payload: { filePath: path } })
        : api.download({ params: { id }, headers: { accept: "application/octet-stream" }, payload: { path } })
    return Stream.unwrap(
      Effect.map(call(ask, opened), (bytes): Stream.Stream<Uint8Array, FileAccessError> =>
        Stream.catch(watched(bytes), (error) => Stream.fromEffect(transport.judged(ask, error)))
      )
    )
  }

  const write = <E>(id: DevboxId, path: string, contents: Stream.Stream<Uint8Array, E>, size: number) =>
    Effect.flatMap(Stream.mkString(decodeText(contents)), (text) =>
      call(
        { ...touching("upload", id, path), hold: Duration.seconds(size / slowest) },
        api.write({ params: { id }, payload: { filePath: path, contents: text } })
      ).pipe(Effect.flatMap((detail) => written(path, detail)))
    )

  const send = <E>(
    id: DevboxId,
    path: string,
    contents: Stream.Stream<Uint8Array, E>,
    size: number | undefined
  ): Effect.Effect<ExecutionDetail, FileAccessError | E> => {
    const ask = touching("upload", id, path)
    const sent = uploading(contents, (body) =>
      transport.send({
        method: "POST",
        path: api.upload.path({ id }),
        headers: undefined,
        body: uploadBody(path, body, size)
      })
    ).pipe(
      Effect.catch((failure) => either(failure, (error) => transport.judged(ask, error))),
      Effect.as(new ExecutionDetail({ devboxId: id, exitStatus: 0, stdout: "", stderr: "" }))
    )
    return transport.existing(ask, measured(transport.peer.name, ask.operation)(sent))
  }

  return {
    download,
    upload: (id, path, contents, options) =>
      options?.text === true && options.size !== undefined && options.size <= textLimit
        ? write(id, path, contents, options.size)
        : send(id, path, contents, options?.size)
  } satisfies Partial<Implementation>
}
