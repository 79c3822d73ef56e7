/** Mutants of HTTP to servers inside, and of waiting for them. */
import { BackendError, TransportError } from "@effect-devbox/core/DevboxError"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import { broken, brokenHandle, type Mutant } from "./mutant.ts"

/** See above. */
export const web: ReadonlyArray<Mutant> = [
  broken("fetch-refused", "answers for nobody", () => ({
    fetch: (_id, _port, request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response("")))
  })),
  broken("fetch-refused", "is not sure", (b) => ({
    fetch: (...args) =>
      Effect.catchTag(b.fetch(...args), "BackendError", (error) =>
        Effect.fail(new BackendError({ ...error, outcome: "ambiguous" }))
      )
  })),
  broken("fetch-asks", "loses the body", (b) => ({
    fetch: (id, port, request) => b.fetch(id, port, HttpClientRequest.bodyText(request, ""))
  })),
  broken("fetch-asks", "asks for something else", (b) => ({
    fetch: (id, port, request) => b.fetch(id, port, HttpClientRequest.setUrl(request, "/"))
  })),
  broken("fetch-asks", "takes a status for a failure", (b) => ({
    fetch: (...args) =>
      Effect.flatMap(b.fetch(...args), (response) =>
        response.status === 200
          ? Effect.succeed(response)
          : Effect.fail(
              new BackendError({
                backend: "mutant",
                operation: "fetch",
                outcome: "ambiguous",
                reason: new TransportError({ detail: "not 200" })
              })
            )
      )
  }))
]

/** See above. */
export const ports: ReadonlyArray<Mutant> = [
  brokenHandle("port-awaited", "does not wait", ({ net }) => ({ net: { ...net, awaitPort: () => Effect.void } })),
  brokenHandle("port-awaited", "waits for ever", ({ net }) => ({ net: { ...net, awaitPort: () => Effect.never } })),
  brokenHandle("port-timeout", "does not mind", ({ net }) => ({
    net: {
      ...net,
      awaitPort: (port, options) => Effect.catchTag(net.awaitPort(port, options), "WaitTimeout", () => Effect.void)
    }
  })),
  brokenHandle("port-of-the-dead", "waits on", ({ net }) => ({
    net: {
      ...net,
      awaitPort: (port, options) => Effect.catchTag(net.awaitPort(port, options), "DevboxNotReady", () => Effect.never)
    }
  }))
]
