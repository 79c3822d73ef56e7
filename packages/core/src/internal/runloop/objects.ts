/** Storage objects over the wire. Their bytes go to addresses that carry their own permission, so the key never goes there. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { InvalidRequestError, type LookupError } from "../../DevboxError.ts"
import type { ObjectStore, StorageObjectId } from "../../StorageObjects.ts"
import { defined } from "../defined.ts"
import { page } from "./lifecycle.ts"
import { measured } from "./metrics.ts"
import { watched } from "./sse.ts"
import { type Ask, refusedUnless, type Transport } from "./transport.ts"
import { either, uploading } from "./uploading.ts"
import { objects as described } from "../api/objects.ts"

const about = (operation: string, id: StorageObjectId) =>
  ({ operation, about: { resource: "object", id }, fails: ["ResourceNotFound"] }) satisfies Ask<"ResourceNotFound">

/** See `ObjectStore`. `bare` is the client without key and base URL. */
export const objects = (transport: Transport, bare: HttpClient.HttpClient): typeof ObjectStore.Service => {
  const { call, judged, peer } = transport
  const api = transport.client(described)
  const anywhere = refusedUnless(bare)
  // An address that is a permission belongs in no span.
  const untraced = <A, E>(request: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    request.pipe(
      Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
      Effect.provideService(HttpClient.TracerPropagationEnabled, false)
    )
  const downloadUrl = (id: StorageObjectId, valid: Duration.Duration) =>
    call(
      { ...about("downloadObject", id), reads: true },
      api.download({ params: { id }, query: { duration_seconds: Math.ceil(Duration.toSeconds(valid)) } })
    ).pipe(Effect.map((answer) => answer.download_url))

  return {
    name: peer.name,
    create: (payload) => call({ operation: "createObject" }, api.create({ payload })),
    send: (object, contents, size) => {
      const ask = { operation: "uploadObject" } satisfies Ask<never>
      const { uploadUrl } = object
      if (uploadUrl === undefined) {
        const detail = `object ${object.id} takes no contents any more`
        return Effect.fail(transport.reject(ask.operation, new InvalidRequestError({ detail })))
      }
      return uploading(contents, (body) =>
        untraced(
          anywhere.execute(
            // The address was signed without a content type (PROTOCOL P11).
            HttpClientRequest.put(Redacted.value(uploadUrl)).pipe(
              HttpClientRequest.setBody(HttpBody.stream(body, "", size)),
              HttpClientRequest.removeHeader("content-type")
            )
          )
        )
      ).pipe(
        Effect.catch((failure) => either(failure, (error) => judged(ask, error))),
        measured(peer.name, ask.operation)
      )
    },
    complete: (id) => call(about("completeObject", id), api.complete({ params: { id } })),
    get: (id) => call({ ...about("getObject", id), reads: true }, api.retrieve({ params: { id } })),
    downloadUrl: (id, valid) => Effect.map(downloadUrl(id, valid), Redacted.value),
    download: (id): Stream.Stream<Uint8Array, LookupError> => {
      const ask = { ...about("downloadObject", id), reads: true }
      return Stream.unwrap(
        Effect.flatMap(downloadUrl(id, Duration.hours(1)), (address) =>
          Effect.map(call(ask, untraced(anywhere.get(Redacted.value(address)))), (response) =>
            Stream.catch(watched(response.stream), (error) => Stream.fromEffect(judged(ask, error)))
          )
        )
      )
    },
    delete: (id) => Effect.asVoid(call(about("deleteObject", id), api.delete({ params: { id } }))),
    list: ({ contentType, isPublic, limit, name, search, startingAfter, state }) => {
      const query = {
        ...defined({ limit, starting_after: startingAfter, content_type: contentType, name, search, state }),
        include_total_count: false
      }
      return call(
        { operation: "listObjects", reads: true },
        isPublic === true ? api.listPublic({ query }) : api.list({ query })
      ).pipe(Effect.map((answer) => page(answer.objects, answer.has_more, limit)))
    }
  }
}
