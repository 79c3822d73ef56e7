/**
 * Terminals on Runloop, as far as its interface describes them: a tunnel of their own, sessions by name, and their control. The bytes
 * pass over a WebSocket that is opened with what is given here. It is no `cmd.pty`: neither the port behind the tunnel nor how a
 * terminal's exit status is learned is documented (PROTOCOL P8.4), and neither is invented.
 */
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { type BackendError, InvalidRequestError, type ReadyError } from "./DevboxError.ts"
import type { DevboxId } from "./DevboxModel.ts"
import { network } from "./internal/api/network.ts"
import { defined } from "./internal/defined.ts"
import { asking } from "./internal/runloop/lifecycle.ts"
import { type Ask, makeTransport, refusedUnless } from "./internal/runloop/transport.ts"
import { domainOf } from "./internal/runloop/tunnelAddress.ts"
import { nullish, snakeCase } from "./internal/snakeCase.ts"
import { defaultBaseUrl, type Options } from "./RunloopBackend.ts"

/** The header that carries a tunnel's token. */
export const tokenHeader = "x-runloop-tunnel-authorization"

/** A session as the terminal service says it is. */
export class Session extends Schema.Class<Session>("effect-devbox/RunloopTerminals/Session")({
  attached: Schema.Boolean,
  created: Schema.Boolean,
  sessionName: nullish(Schema.String),
  /** Where the bytes pass, relative to the tunnel's address. */
  connectUrl: nullish(Schema.String),
  idleTtlSeconds: nullish(Schema.Finite),
  cols: nullish(Schema.Int),
  rows: nullish(Schema.Int),
  protocolVersion: nullish(Schema.String),
  status: nullish(Schema.String)
}) {}

const SessionJson = snakeCase(Session)

/** The size of a terminal in characters, each 1 to 1000. */
export interface Size {
  readonly cols: number
  readonly rows: number
}

/** What can be done to a session. */
export type Control =
  | ({ readonly action: "resize" } & Size)
  | { readonly action: "signal"; readonly signal: string }
  | { readonly action: "close" }

/** A tunnel to the terminals of a devbox; each has a key and a token of its own and is shown nowhere. */
export interface TerminalTunnel {
  /** The address of the terminal service; only whoever runs it knows its port. */
  readonly url: (port: number) => string
  /** For {@link tokenHeader}, after `Bearer `. */
  readonly token: Redacted.Redacted
  /** Opens a session by name, or finds the one that is there. */
  readonly connect: (port: number, name: string, size?: Size) => Effect.Effect<Session, BackendError>
  /** The address for the WebSocket of a session, which wants the token, too. */
  readonly socketUrl: (port: number, session: Session) => string | undefined
  readonly control: (port: number, name: string, control: Control) => Effect.Effect<void, BackendError>
}

const isName = (name: string): boolean => /^[A-Za-z0-9_-]{1,256}$/.test(name)
const isSide = (side: number): boolean => Number.isInteger(side) && side >= 1 && side <= 1000

/** Makes tunnels to terminals. */
export const make = (
  options: Pick<Options, "apiKey" | "baseUrl" | "name">
): Effect.Effect<
  { readonly tunnel: (id: DevboxId) => Effect.Effect<TerminalTunnel, ReadyError> },
  never,
  HttpClient.HttpClient
> =>
  Effect.gen(function* () {
    const baseUrl = options.baseUrl ?? defaultBaseUrl
    const transport = yield* makeTransport({ name: options.name ?? "runloop", apiKey: options.apiKey, baseUrl })
    const client = refusedUnless(yield* HttpClient.HttpClient)
    const api = transport.client(network)
    const decode = Schema.decodeUnknownEffect(SessionJson)

    const tunnelOf = (key: string, token: Redacted.Redacted): TerminalTunnel => {
      const url = (port: number) => `https://${port}-${key}.tunnel.${domainOf(baseUrl)}`
      const headers = () => ({
        accept: "application/json",
        [tokenHeader]: `Bearer ${Redacted.value(token)}`
      })
      const checked = <A, E>(operation: string, name: string, size: Size | undefined, then: Effect.Effect<A, E>) =>
        Effect.suspend((): Effect.Effect<A, E | BackendError> => {
          const detail = !isName(name)
            ? "the name of a terminal session has 1 to 256 letters, digits, - and _"
            : size !== undefined && !(isSide(size.cols) && isSide(size.rows))
              ? "a terminal has 1 to 1000 columns and rows"
              : undefined
          return detail === undefined
            ? then
            : Effect.fail(transport.reject(operation, new InvalidRequestError({ detail })))
        })
      return {
        url,
        token,
        connect: (port, name, size) => {
          const ask = { operation: "connectTerminal" } satisfies Ask<never>
          const query = size === undefined ? "" : `?cols=${size.cols}&rows=${size.rows}`
          const request = HttpClientRequest.get(`${url(port)}/pty/${name}${query}`, { headers: headers() })
          return checked(
            ask.operation,
            name,
            size,
            transport.call(
              ask,
              Effect.flatMap(client.execute(request), (response) => Effect.flatMap(response.json, decode))
            )
          )
        },
        socketUrl: (port, { connectUrl }) =>
          connectUrl === undefined ? undefined : new URL(connectUrl, url(port)).href.replace(/^http/, "ws"),
        control: (port, name, control) => {
          const ask = { operation: "controlTerminal" } satisfies Ask<never>
          const request = HttpClientRequest.post(`${url(port)}/pty/${name}/control`, {
            headers: headers(),
            body: HttpBody.text(JSON.stringify(defined(control)), "application/json")
          })
          return checked(
            ask.operation,
            name,
            control.action === "resize" ? control : undefined,
            transport.opaque(ask, client.execute(request))
          )
        }
      }
    }

    return {
      tunnel: (id) =>
        Effect.map(
          transport.call(asking("createTerminalTunnel", id), api.createPtyTunnel({ params: { id } })),
          ({ authToken, tunnelKey }) => tunnelOf(tunnelKey, authToken)
        )
    }
  })
