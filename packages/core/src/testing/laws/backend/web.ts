/** Laws of HTTP to a server inside. */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Schedule from "effect/Schedule"
import { running, start } from "../boxes.ts"
import { equal, failsWith, succeeds } from "../claim.ts"
import { type BackendLaw, law, Surroundings } from "../law.ts"

const port = 27_120

/** See above. */
export const web: ReadonlyArray<BackendLaw> = [
  law(
    "fetch-refused",
    "A request to a port where nothing listens is refused, and was not made.",
    ["fetch"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      const error = yield* failsWith("it fails", backend.fetch(id, 27_121, HttpClientRequest.get("/")), "BackendError")
      yield* equal("because nobody answered", error.reason._tag, "TransportError")
      yield* equal("and nothing was done", error.outcome, "rejected")
    })
  ),
  law(
    "fetch-asks",
    "A request reaches the server as it was made, and its answer comes back as it was given, whatever its status.",
    ["fetch", "webServer"],
    Effect.gen(function* () {
      const box = yield* running()
      const { backend, id } = box
      const { webServer } = yield* Surroundings
      yield* start(box, webServer ?? "false")
      const request = HttpClientRequest.bodyText(HttpClientRequest.put("/a%20b?c=d"), "the body\nof it")
      // The server takes a moment to listen.
      const asked = Effect.retry(backend.fetch(id, port, request), Schedule.spaced("20 millis"))
      const response = yield* succeeds("it is answered", asked)
      yield* equal("with the server's status", response.status, 207)
      yield* equal("and headers", response.headers["x-method"], "PUT")
      const body = yield* succeeds("its body can be read", response.text)
      yield* equal("it was asked what was asked", body, "/a%20b?c=d\nthe body\nof it")
      const again = yield* succeeds("it can be asked again", backend.fetch(id, port, HttpClientRequest.get("/again")))
      yield* equal("and answers that", yield* succeeds("in its body", again.text), "/again\n")
    })
  )
]
