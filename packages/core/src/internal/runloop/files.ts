/** Files over the wire. Transfers have no deadline: they fail when nothing moves for too long, not when they are large. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Implementation } from "../../DevboxBackend.ts"
import type { FileAccessError } from "../../DevboxError.ts"
import type { DevboxId } from "../../DevboxModel.ts"
import { ExecutionDetail } from "../../Execution.ts"
import { measured } from "./metrics.ts"
import { uploadBody } from "./multipart.ts"
import { watched } from "./sse.ts"
import type { Ask, Transport } from "./transport.ts"
import { either, uploading } from "./uploading.ts"
import { files as described } from "../api/files.ts"

/** Text up to this size goes the way for text, whose answer says what came of it. */
const textLimit = 8 * 1024 * 1024

const text = (parts: ReadonlyArray<Uint8Array>): string => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode()
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

  const write = <E>(id: DevboxId, path: string, contents: Stream.Stream<Uint8Array, E>) =>
    Effect.flatMap(Stream.runCollect(contents), (parts) =>
      call(
        touching("upload", id, path),
        // A byte order mark is a character of the file like any other.
        api.write({ params: { id }, payload: { filePath: path, contents: text(parts) } })
      )
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
        ? write(id, path, contents)
        : send(id, path, contents, options?.size)
  } satisfies Partial<Implementation>
}
