/** HTTP to a server inside a devbox: Node's own client, over a connection that is dialled. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { type ReadyError, TransportError } from "@effect-devbox/core/DevboxError"
import type { DevboxId } from "@effect-devbox/core/DevboxModel"
import * as Effect from "effect/Effect"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as http from "node:http"
import * as https from "node:https"
import type { Duplex } from "node:stream"
import { touch } from "../local/clock.ts"
import type { Engine } from "../local/engine.ts"
import { backendError, invalid, isOfContract } from "../local/errors.ts"
import { dialSocket } from "./dial.ts"

const operation = "fetch"

/** Each request has a connection of its own: one that was kept might be to a server that is gone. */
class DialAgent extends http.Agent {
  readonly #dial: () => Promise<Duplex>

  constructor(dial: () => Promise<Duplex>) {
    super({ keepAlive: false })
    this.#dial = dial
  }

  override createConnection(
    _options: http.ClientRequestArgs,
    callback: (error: Error | null, socket: Duplex) => void
  ): null {
    this.#dial().then(
      (socket) => callback(null, socket),
      // Node looks at the socket only when there is no error.
      (error: Error) => (callback as (error: Error) => void)(error)
    )
    return null
  }
}

/** What went wrong before there was an answer. What dialling failed with has its words already. */
const failure = (port: number, { reason }: HttpClientError): ReadyError => {
  if (isOfContract<ReadyError>(reason.cause)) return reason.cause
  if (reason._tag === "InvalidUrlError" || reason._tag === "EncodeError") return invalid(operation, reason.message)
  const detail = `the server on port ${port} did not answer: ${reason.message}`
  return backendError(operation, new TransportError({ detail }), "ambiguous")
}

/** See `DevboxBackend`. */
export const fetch = (
  engine: Engine,
  id: DevboxId,
  port: number,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<HttpClientResponse, ReadyError> =>
  Effect.suspend((): Effect.Effect<HttpClientResponse, ReadyError> => {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(request.url)?.[1]?.toLowerCase()
    if (scheme !== undefined && scheme !== "http") {
      return Effect.fail(invalid(operation, `${scheme} is not spoken here; give a path or an http:// address`))
    }
    const whole = scheme === undefined ? HttpClientRequest.prependUrl(request, `http://localhost:${port}`) : request
    const dialled = new DialAgent(() => dialSocket(engine, id, port))
    touch(engine, id)
    return NodeHttpClient.makeNodeHttp.pipe(
      Effect.provideService(NodeHttpClient.HttpAgent, { http: dialled, https: new https.Agent() }),
      Effect.flatMap((client) => client.execute(whole)),
      Effect.mapError((error) => failure(port, error))
    )
  })
