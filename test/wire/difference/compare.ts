/**
 * What differs between the requests of two clients, as sentences without anything that is generated anew each time. What belongs to
 * the connection and not to the request (host, lengths, keeping it open) is not looked at; neither is how a client names itself.
 */
import type { Recorded } from "./recorder.ts"

const overlooked =
  /^(:.*|user-agent|x-stainless-.*|host|connection|keep-alive|content-length|transfer-encoding|http2-settings)$/

const uuid = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g

/** Generated headers, of which only that they are there is compared. */
const generated = new Set(["x-request-id", "traceparent", "b3"])

type Leaves = ReadonlyMap<string, string>

const leaves = (value: unknown, where: string, into: Map<string, string>): Map<string, string> => {
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) leaves(inner, `${where}.${key}`, into)
  } else {
    into.set(where, JSON.stringify(value).replace(uuid, "<generated>"))
  }
  return into
}

/** The parts of a multipart body, each by its headers and contents, in order. */
const parts = (body: string, boundary: string, into: Map<string, string>): Map<string, string> => {
  const found = body.split(`--${boundary}`).slice(1, -1)
  for (const [index, part] of found.entries()) {
    const [head = "", ...rest] = part.replace(/^\r\n/, "").replace(/\r\n$/, "").split("\r\n\r\n")
    for (const line of head.split("\r\n")) {
      const colon = line.indexOf(":")
      into.set(`part ${index + 1} ${line.slice(0, colon).toLowerCase()}`, line.slice(colon + 1).trim())
    }
    into.set(`part ${index + 1} contents`, rest.join("\r\n\r\n"))
  }
  return into
}

const facts = (request: Recorded): Leaves => {
  const found = new Map<string, string>([
    ["method", request.method],
    ["path", request.path]
  ])
  for (const [name, value] of request.query) found.set(`query ${name}`, value)
  let boundary: string | undefined
  for (const [name, value] of Object.entries(request.headers)) {
    if (overlooked.test(name)) continue
    boundary ??= name === "content-type" ? /boundary="?([^";]+)/.exec(value)?.[1] : undefined
    const shown = name === "content-type" ? value.replace(/boundary=.*/, "boundary=<boundary>") : value
    found.set(`header ${name}`, generated.has(name) ? "<generated>" : shown)
  }
  if (boundary !== undefined) return parts(request.body, boundary, found)
  const isJson = /json/.test(request.headers["content-type"] ?? "") && request.body !== ""
  if (isJson) return leaves(JSON.parse(request.body), "body", found)
  found.set("body", request.body)
  return found
}

const compareOne = (official: Leaves, ours: Leaves): ReadonlyArray<string> =>
  [...new Set([...official.keys(), ...ours.keys()])]
    .filter((name) => official.get(name) !== ours.get(name))
    .map((name) => `${name}: ${official.get(name) ?? "(none)"} → ${ours.get(name) ?? "(none)"}`)

const name = (request: Recorded | undefined): string =>
  request === undefined ? "(none)" : `${request.method} ${request.path}`

/** The differences, official first: of the requests in order, and those that only one of the two sends after them. */
export const compare = (official: ReadonlyArray<Recorded>, ours: ReadonlyArray<Recorded>): ReadonlyArray<string> =>
  Array.from({ length: Math.max(official.length, ours.length) }).flatMap((_, index) => {
    const [theirs, own] = [official[index], ours[index]]
    return theirs === undefined || own === undefined
      ? [`further request: ${name(theirs)} → ${name(own)}`]
      : compareOne(facts(theirs), facts(own))
  })
