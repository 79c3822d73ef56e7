/** Requests that a seed repeats: valid ones for every endpoint, and what a careless or hostile client makes of them. */
import { keys } from "../support.ts"
import { Redacted } from "effect"

/** Random numbers between 0 and 1. */
export type Random = () => number

/** A request as bytes of HTTP/1.1, and what it was made of. */
export interface Shot {
  readonly what: string
  readonly method: string
  readonly target: string
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: Buffer
  /** How many bytes of the body are sent; fewer than there are leave it unfinished. */
  readonly sent: number
}

const box = "/v1/devboxes/dbx_000001"
const run = `${box}/executions/0190f0f0-0000-7000-8000-000000000000`
const snapshot = "/v1/devboxes/disk_snapshots/snp_000001"

const endpoints: ReadonlyArray<readonly [method: string, path: string, body?: unknown]> = [
  [
    "POST",
    "/v1/devboxes",
    { name: "n", metadata: { a: "b" }, launch_parameters: { custom_cpu_cores: 0.5 }, mounts: [] }
  ],
  [
    "POST",
    "/v1/devboxes/create_and_await_running",
    { environment_variables: { A: "b" }, tunnel: { auth_mode: "open" } }
  ],
  ["GET", "/v1/devboxes?limit=3&status=running&starting_after=dbx_000009"],
  ["GET", box],
  ["POST", box, { name: "x", metadata: {} }],
  ["POST", `${box}/wait_for_status`, { statuses: ["running"], timeout_seconds: 0.01 }],
  ["POST", `${box}/shutdown?force=true`, {}],
  ["POST", `${box}/suspend`],
  ["POST", `${box}/resume`],
  ["POST", `${box}/keep_alive`],
  ["GET", `${box}/usage`],
  ["GET", `${box}/logs?execution_id=x&shell_name=y`],
  ["POST", `${box}/execute?last_n=3`, { command: "true", command_id: "c", optimistic_timeout: 0 }],
  ["POST", `${box}/execute_async`, { command: "true", shell_name: null, attach_stdin: false }],
  ["POST", `${box}/execute_sync`, { command: "true" }],
  ["GET", `${run}?last_n=2`],
  ["POST", `${run}/wait_for_status?last_n=1`, { statuses: ["completed"], timeout_seconds: 0.01 }],
  ["POST", `${run}/kill`, { kill_process_group: true }],
  ["POST", `${run}/send_std_in`, { text: "x", signal: "EOF" }],
  ["GET", `${run}/stream_stdout_updates?offset=0`],
  ["GET", `${run}/stream_stderr_updates`],
  ["POST", `${box}/read_file_contents`, { file_path: "/etc/passwd" }],
  ["POST", `${box}/write_file_contents`, { file_path: "~/x", contents: "y" }],
  ["POST", `${box}/download_file`, { path: "/x" }],
  ["POST", `${box}/create_ssh_key`],
  ["POST", `${box}/create_pty_tunnel`],
  ["POST", `${box}/enable_tunnel`, { auth_mode: "authenticated" }],
  ["POST", `${box}/remove_tunnel`, { port: 80 }],
  ["POST", `${box}/create_tunnel`, { port: 80 }],
  ["POST", `${box}/snapshot_disk`, { name: "s", commit_message: "m" }],
  ["POST", `${box}/snapshot_disk_async`, {}],
  ["GET", "/v1/devboxes/disk_snapshots?metadata[a]=b&metadata[c][in]=d,e"],
  ["POST", snapshot, { name: "t" }],
  ["GET", `${snapshot}/status`],
  ["POST", `${snapshot}/delete`],
  ["POST", "/v1/blueprints", { name: "b", dockerfile: "FROM x" }],
  ["GET", "/v1/blueprints/list_public?limit=1"],
  ["POST", "/v1/objects", { name: "o", content_type: "text", ttl_ms: 1000 }],
  ["GET", "/v1/objects?state=READ_ONLY&search=o"],
  ["POST", "/v1/objects/obj_1/complete"],
  ["GET", "/v1/objects/obj_1/download?duration_seconds=1"],
  ["PUT", "/v1/objects/obj_1/content?use=put&until=99999999999999&signature=x", "bytes"],
  ["POST", "/v1/secrets", { name: "A", value: "v" }],
  ["GET", "/v1/secrets?limit=1"],
  ["POST", "/v1/secrets/A/delete"],
  ["POST", "/v1/network-policies", { name: "p", allowed_cidrs: [{ cidr: "10.0.0.0/8", ports: [{ port: 1 }] }] }],
  ["GET", "/v1/network-policies?search=p"],
  ["POST", "/v1/network-policies/np_1", { allow_all: null }],
  ["GET", "/v1/agents"],
  ["GET", "/healthz"],
  ["GET", "/metrics"],
  ["GET", "/openapi.json"]
]

const odd: ReadonlyArray<unknown> = [
  null, true, 0, -1, 1e308, 1e-308, 2 ** 53 + 2, 0.1, "", " ", "\0", "\ud800", "..", "../../etc/passwd", "\u202e", "💥",
  "x".repeat(5000), [], {}, [[]], [null], { length: -1 }, { __proto__: null, constructor: 1 }, { toString: 1 }
] // prettier-ignore

const pick = <A>(next: Random, from: ReadonlyArray<A>): A => from[Math.floor(next() * from.length)] as A

const bytes = (next: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => Math.floor(next() * 256)))

/** Some value of it, anywhere, becomes another; or gets company. */
const mutate = (next: Random, value: unknown): unknown => {
  if (next() < 0.25 || typeof value !== "object" || value === null) return pick(next, odd)
  if (Array.isArray(value)) return [...(value as ReadonlyArray<unknown>), pick(next, odd)]
  const entries = Object.entries(value)
  if (entries.length === 0 || next() < 0.2)
    return { ...value, [pick(next, ["__proto__", "extra", "", "id"])]: pick(next, odd) }
  const [name] = pick(next, entries)
  return Object.fromEntries(entries.map(([key, one]) => [key, key === name ? mutate(next, one) : one]))
}

const badJson = (next: Random, text: string): Buffer => {
  const spoil: ReadonlyArray<() => Buffer> = [
    () => Buffer.from(text.slice(0, Math.floor(next() * text.length))),
    () => Buffer.from(`${text}${text}`),
    () => bytes(next, 40),
    () => Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xc3, 0x28])]),
    () => Buffer.from(`\ufeff${text}`),
    () => Buffer.from("[".repeat(20_000)),
    () => Buffer.from(`{"name":${"9".repeat(4000)}}`),
    () => Buffer.from('{"timeout_seconds":1e999,"statuses":["running"]}'),
    () => Buffer.from(`{"name":"a","name":"b"}`),
    () => Buffer.from("NaN"),
    () => Buffer.from('"a string"'),
    () => Buffer.alloc(1_200_000, 0x20)
  ]
  return pick(next, spoil)()
}

const multipart = (next: Random): { readonly type: string; readonly body: Buffer } => {
  const part = (head: string, body: string) => `--B\r\n${head}\r\n\r\n${body}\r\n`
  const path = part(
    'Content-Disposition: form-data; name="path"',
    pick(next, ["/x", "../../x", "", "\0", "~/".repeat(500)])
  )
  const file = part('Content-Disposition: form-data; name="file"; filename="f"', "contents")
  const bodies: ReadonlyArray<string | Buffer> = [
    `${path}${file}--B--\r\n`,
    `${file}${path}--B--\r\n`,
    `${path}${file}`,
    `${path}${file}${file}--B--\r\n`,
    `${path.repeat(200)}--B--\r\n`,
    `--B\r\n\r\n\r\n--B--`,
    `--B\r\n${"X-Long: y\r\n".repeat(2000)}\r\nz\r\n--B--`,
    "--C--",
    "",
    bytes(next, 300),
    part('Content-Disposition: form-data; name="path"; filename="\r\n"', "x"),
    part("Content-Disposition: attachment", "x")
  ]
  const types = [
    "multipart/form-data; boundary=B",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/mixed"
  ]
  return { type: pick(next, types), body: Buffer.from(pick(next, bodies)) }
}

const paths: ReadonlyArray<string> = [
  "/../../etc/passwd", "/v1/devboxes/../../x", "/v1/devboxes/%2e%2e%2f%2e%2e", "/v1/devboxes/%00", "/v1/devboxes/%", "/v1/devboxes/%zz",
  "/v1/devboxes/%c3%28", "/v1/devboxes//", "/v1//devboxes", `/v1/devboxes/${"a".repeat(8000)}`, "/v1/devboxes/dbx_000001%2Fshutdown",
  "*", "http://", "http://[", "http://x:99999/v1/devboxes", "//v1", "/?", "/v1/devboxes?limit=%", "/v1/devboxes?limit=1e999&limit=-1",
  "/v1/devboxes?metadata[", "/v1/devboxes?metadata[__proto__]=x", "/v1/devboxes/disk_snapshots/%2e/status", "/v1/secrets/%ff",
  "/v1/objects/../content", "/v1/objects/x/content?use=get&until=NaN&signature=%00", "/v1/devboxes/\u0001"
] // prettier-ignore

const methods = ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "GET", "POST", "PROPFIND", "M-SEARCH", "QUERY"]

/** One of them. */
export const shoot = (next: Random): Shot => {
  const [method, path, given] = pick(next, endpoints)
  const text = given === undefined ? "" : typeof given === "string" ? given : JSON.stringify(given)
  const headers: Array<readonly [string, string]> = [
    ["host", "127.0.0.1"],
    ["authorization", `Bearer ${Redacted.value(keys.alice)}`],
    ["content-type", "application/json"]
  ]
  const shot = (what: string, over: Partial<Shot> = {}): Shot => {
    const body = over.body ?? Buffer.from(text)
    return { what, method, target: path, headers, body, sent: body.length, ...over }
  }
  const dice = next()
  if (dice < 0.1) return shot("valid")
  if (dice < 0.4) {
    const mutated = JSON.stringify(mutate(next, given ?? {})) as string | undefined
    return shot("another value", { body: Buffer.from(mutated ?? "null") })
  }
  if (dice < 0.55) return shot("bad JSON", { body: badJson(next, text) })
  if (dice < 0.65) {
    const { body, type } = multipart(next)
    return shot("multipart", {
      method: "POST",
      target: `${box}/upload_file`,
      body,
      sent: body.length,
      headers: [...headers.slice(0, 2), ["content-type", type]]
    })
  }
  if (dice < 0.75) return shot("path", { target: pick(next, paths) })
  if (dice < 0.82) return shot("method", { method: pick(next, methods) })
  if (dice < 0.9) {
    const extra: ReadonlyArray<ReadonlyArray<readonly [string, string]>> = [
      [["authorization", "Bearer x"]],
      [["content-type", "text/plain"]],
      [["content-type", "application/json; charset=utf-16"]],
      [["content-length", "3"]],
      [["transfer-encoding", "chunked"]],
      [["transfer-encoding", "gzip, chunked"]],
      [["x-request-id", "y".repeat(3000)]],
      [["x-request-id", "a"], ["x-request-id", "b"]],
      [["expect", "100-continue"]],
      [["expect", "miracles"]],
      [["upgrade", "websocket"], ["connection", "upgrade"]],
      [["upgrade", "h2c"], ["connection", "upgrade, http2-settings"], ["http2-settings", "AAMAAABkAAQAAP__"]],
      [["host", "other"]],
      [["accept", "\u00ff"]],
      [["accept-encoding", "gzip, br, zstd"]],
      [["content-encoding", "gzip"]],
      [["x-effect-devbox-output", "base64"]],
      [["range", "bytes=0-1"]],
      [["cookie", "=;=;"]],
      [["x-many", "z".repeat(15_000)]]
    ] // prettier-ignore
    return shot("headers", { headers: [...headers, ...pick(next, extra)] })
  }
  if (dice < 0.94) {
    const body = Buffer.from(text === "" ? "{}" : text)
    return shot("unfinished", { body, sent: Math.floor(next() * body.length) })
  }
  if (dice < 0.97)
    return shot("no key", {
      headers: [
        headers[0]!,
        pick(next, [
          ["authorization", "Basic x"],
          ["authorization", ""],
          ["x", "y"]
        ] as const)
      ]
    })
  return shot("noise", { method: bytes(next, 8).toString("latin1"), target: bytes(next, 30).toString("latin1") })
}

/** As bytes. */
export const toBytes = ({ body, headers, method, sent, target }: Shot): Buffer => {
  const length = headers.some(([name]) => name === "transfer-encoding")
    ? []
    : [["content-length", String(body.length)] as const]
  const head = [...headers, ["connection", "close"] as const, ...length]
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${head}\r\n`, "latin1"), body.subarray(0, sent)])
}
