// Where a request wants to go, by the name it was sent to, and whether it may. Knows no devbox: who does gives a `Find`.
import { createHash, timingSafeEqual } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import type { Duplex } from "node:stream"

/** A port behind a tunnel. */
export interface Target {
  readonly key: string
  readonly port: number
  /** What a request has to present, if anything. */
  readonly token: string | undefined
  /** A connection to the port; rejects with {@link GatewayError}. */
  readonly dial: () => Promise<Duplex>
  /** Something went through: the devbox is in use. */
  readonly heard: () => void
}

/** The port behind a tunnel's key; `undefined` when there is no such tunnel, or it does not lead to this port. */
export type Find = (key: string, port: number) => Target | undefined | Promise<Target | undefined>

/** Why a request is not answered by a server in a devbox. */
export class GatewayError extends Error {
  override readonly name = "GatewayError"
  readonly status: 401 | 404 | 502 | 503
  constructor(status: GatewayError["status"], message: string) {
    super(message)
    this.status = status
  }
}

/** What a visitor is told of a devbox that does not run. Why, and which one it is, is its owner's to know. */
export const notRunning = "It may be suspended, on its way, or over; whoever gave you this address can tell."

/** A name of a port: `3000-key.localhost`, or `3000-key.tunnel.` before any host. */
const name = /^(\d{1,5})-([a-z0-9][a-z0-9-]{6,54}[a-z0-9])\.(?:localhost|tunnel\.[a-z0-9.-]+)(?::\d+)?$/i

/** Port and key in a host name; `undefined` for any other name. */
export const routeOf = (host: string | undefined): { readonly port: number; readonly key: string } | undefined => {
  const found = name.exec(host ?? "")
  const port = Number(found?.[1])
  return found === null || port < 1 || port > 65_535 ? undefined : { port, key: found[2]!.toLowerCase() }
}

/** The header that carries a token so that `Authorization` stays free for the server inside. */
export const tokenHeader = "x-runloop-tunnel-authorization"

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

const presents = (header: string | undefined, token: string): boolean => {
  const found = /^Bearer +(\S+) *$/i.exec(header ?? "")
  // Equal lengths and equal time, whatever was presented.
  return found !== null && timingSafeEqual(digest(found[1]!), digest(token))
}

/** Which header presented the token; throws when none did. That header is for us alone and is not passed on. */
export const admit = (target: Target, headers: IncomingHttpHeaders): string | undefined => {
  if (target.token === undefined) return undefined
  for (const header of [tokenHeader, "authorization"]) {
    const value = headers[header]
    if (presents(typeof value === "string" ? value : value?.[0], target.token)) return header
  }
  throw new GatewayError(401, "This tunnel wants its token, as X-Runloop-Tunnel-Authorization: Bearer TOKEN.")
}

/** The target of a request that may have it. */
export const targetOf = async (
  find: Find,
  host: string | undefined,
  headers: IncomingHttpHeaders
): Promise<{ readonly target: Target; readonly secret: string | undefined }> => {
  const route = routeOf(host)
  const target = route === undefined ? undefined : await find(route.key, route.port)
  if (target === undefined) throw new GatewayError(404, "There is no tunnel of this name; it may have been removed.")
  return { target, secret: admit(target, headers) }
}
