// Headers on their way through: what belongs to one connection stays on it, what the server inside should know is added.
import type { IncomingMessage } from "node:http"

/** Names and values one after another, as Node's `rawHeaders`. */
export type RawHeaders = ReadonlyArray<string>

const perConnection = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "upgrade",
  "http2-settings",
  "expect"
])

/** A client that could have these dropped would decide where the server inside sees the end of its request. */
const kept = new Set(["content-length", "transfer-encoding", "host"])

const forwarded = new Set(["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port"])

/** The headers without those that concern only one connection, or that `drop` names. */
export const passing = (raw: RawHeaders, drop: ReadonlySet<string> = new Set()): Array<string> => {
  const listed = new Set<string>()
  for (let at = 0; at < raw.length; at += 2) {
    if (raw[at]!.toLowerCase() !== "connection") continue
    for (const name of raw[at + 1]!.toLowerCase().split(",")) if (!kept.has(name.trim())) listed.add(name.trim())
  }
  const passed: Array<string> = []
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase()
    if (!perConnection.has(name) && !listed.has(name) && !drop.has(name)) passed.push(raw[at]!, raw[at + 1]!)
  }
  return passed
}

/** Who asks, and how. */
export interface Asker {
  readonly address: string | undefined
  readonly host: string
  readonly encrypted: boolean
}

/** Who sent a request of HTTP/1. */
export const askerOf = (request: IncomingMessage): Asker => ({
  address: request.socket.remoteAddress,
  host: request.headers.host ?? "",
  encrypted: "encrypted" in request.socket
})

/** The headers of a request for the server inside. What it says of who forwarded it before is kept where it is a list. */
export const toServer = (raw: RawHeaders, asker: Asker, secret: string | undefined): Array<string> => {
  const before: Array<string> = []
  for (let at = 0; at < raw.length; at += 2) if (raw[at]!.toLowerCase() === "x-forwarded-for") before.push(raw[at + 1]!)
  const drop = new Set(forwarded)
  if (secret !== undefined) drop.add(secret)
  const port = /:(\d+)$/.exec(asker.host)?.[1] ?? (asker.encrypted ? "443" : "80")
  return [
    ...passing(raw, drop),
    "X-Forwarded-For",
    [...before, asker.address ?? "unknown"].join(", "),
    "X-Forwarded-Host",
    asker.host,
    "X-Forwarded-Proto",
    asker.encrypted ? "https" : "http",
    "X-Forwarded-Port",
    port
  ]
}
