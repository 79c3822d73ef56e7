/** The addresses at which contents of objects are sent and fetched: outside the interface, without a key, signed and for a while. */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type { ObjectFiles, ObjectRow, Use } from "./objectFiles.ts"
import { contentOf, keepContent } from "./objects.ts"

const say = (status: number, message: string, code: string) =>
  HttpServerResponse.jsonUnsafe({ message, code }, { status, headers: { "x-should-retry": "false" } })

const closed = say(403, "this address is not good, or no longer; ask for a new one", "forbidden")
const complete = say(409, "the object is complete and cannot change", "conflict")
const tooLarge = say(413, "the object is too large", "too_large")
const broken = say(400, "the contents could not be read to their end", "invalid_request")
const failed = say(500, "the contents could not be kept; the server's log says why", "internal")

/** See above. */
export const contentRoutes = (files: ObjectFiles): Layer.Layer<never, never, HttpRouter.HttpRouter> => {
  const admitted = (
    use: Use,
    answer: (
      row: ObjectRow,
      request: HttpServerRequest.HttpServerRequest
    ) => Effect.Effect<HttpServerResponse.HttpServerResponse>
  ) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const [, id = "", query = ""] = /^\/v1\/objects\/([^/?]+)\/content\?(.*)$/.exec(request.url) ?? []
      const row = files.admit(use, id, new URLSearchParams(query))
      return row === undefined ? closed : yield* answer(row, request)
    })
  const put = admitted("put", (row, request) =>
    row.state !== "UPLOADING"
      ? Effect.succeed(complete)
      : keepContent(files, row.id, request.stream).pipe(
          Effect.map((kept) => (kept ? HttpServerResponse.jsonUnsafe({}) : complete)),
          Effect.catchTag("HttpServerError", ({ reason }) =>
            Effect.succeed("reason" in reason && reason.reason === "BodyTooLarge" ? tooLarge : broken)
          ),
          Effect.catchTag("BackendError", (error) =>
            Effect.as(Effect.logError("the contents of an object could not be kept", error), failed)
          )
        )
  )
  const get = admitted("get", (row) =>
    Effect.succeed(
      row.state === "READ_ONLY"
        ? HttpServerResponse.stream(contentOf(files, row.id), {
            contentType: "application/octet-stream",
            contentLength: row.size_bytes ?? 0
          })
        : closed
    )
  )
  return Layer.mergeAll(
    HttpRouter.add("PUT", "/v1/objects/:id/content", put),
    HttpRouter.add("GET", "/v1/objects/:id/content", get)
  )
}
