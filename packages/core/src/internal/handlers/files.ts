/** The endpoints of files, over any backend. Contents pass as streams in constant memory. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Multipart from "effect/http/Multipart"
import * as Stream from "effect/Stream"
import { DevboxApi } from "../../DevboxApi.ts"
import { DevboxBackend, type Shape } from "../../DevboxBackend.ts"
import { type BackendError, type FileAccessError, InvalidRequestError } from "../../DevboxError.ts"
import { DevboxId } from "../../DevboxModel.ts"
import { primed } from "./primed.ts"
import { answered, failure, nothing } from "./respond.ts"

const unusable = (detail: string): BackendError => failure("upload", new InvalidRequestError({ detail }))

const broken = (error: Multipart.MultipartError): BackendError =>
  unusable(
    `the upload cannot be read (${error.reason._tag}); send multipart/form-data with the parts \`path\` and \`file\``
  )

/** Takes the parts as they come: the path, then the file. */
const receive = (
  backend: Shape,
  id: DevboxId,
  parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>
): Effect.Effect<object, FileAccessError> =>
  Effect.suspend(() => {
    let path: string | undefined
    let written = false
    const take = (part: Multipart.Part): Effect.Effect<unknown, FileAccessError> => {
      if (part.key === "path" && part._tag === "Field") {
        path = part.value
        return Effect.void
      }
      const content =
        part._tag === "Field"
          ? Stream.make(new TextEncoder().encode(part.value))
          : Stream.mapError(part.content, broken)
      if (part.key !== "file") return Stream.runDrain(content)
      if (path === undefined) return Effect.fail(unusable("the part `path` must come before the part `file`"))
      if (written) return Effect.fail(unusable("there is more than one part `file`"))
      written = true
      return backend.upload(id, path, content)
    }
    return Effect.gen(function* () {
      yield* Stream.runForEach(Stream.mapError(parts, broken), take)
      if (path === undefined) return yield* unusable("the part `path` is missing")
      // A missing file is an empty one: official clients type it as optional (PROTOCOL P7).
      if (!written) yield* backend.upload(id, path, Stream.empty, { size: 0 })
      return nothing
    })
  }).pipe(
    // Whatever its type, a part with a file name is a file: clients send the type that a name suggests.
    Effect.provideService(Multipart.FieldMimeTypes, [])
  )

/** See above. */
export const filesHandlers = HttpApiBuilder.group(
  DevboxApi,
  "files",
  Effect.fn(function* (handlers) {
    const backend = yield* DevboxBackend
    const bytes = (stream: Stream.Stream<Uint8Array, FileAccessError>, contentType: string) =>
      answered(Effect.map(primed(stream), (ready) => HttpServerResponse.stream(ready, { contentType })))
    return handlers.handleAll({
      // Text whatever it looks like: a JSON content type would make official clients parse it (PROTOCOL P7).
      read: ({ params, payload }) =>
        bytes(
          backend.download(DevboxId.make(params.id), payload.filePath, { text: true }),
          "text/plain; charset=utf-8"
        ),
      download: ({ params, payload }) =>
        bytes(backend.download(DevboxId.make(params.id), payload.path), "application/octet-stream"),
      write: ({ params, payload }) => {
        const contents = new TextEncoder().encode(payload.contents)
        return answered(
          backend.upload(DevboxId.make(params.id), payload.filePath, Stream.make(contents), {
            text: true,
            size: contents.length
          })
        )
      },
      upload: ({ params, payload }) => answered(receive(backend, DevboxId.make(params.id), payload))
    })
  })
)
