/**
 * A server that keeps what it was asked and answers everything with something that every client can read. It speaks HTTP/1.1
 * and HTTP/2 with prior knowledge on one port, because the official client and ours do not choose the same.
 */
import { once } from "node:events"
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from "node:http2"
import { createServer, type Socket } from "node:net"

/** One request as it arrived. */
export interface Recorded {
  readonly method: string
  readonly path: string
  readonly query: ReadonlyArray<readonly [name: string, value: string]>
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** See above. */
export interface Recorder {
  readonly url: string
  /** What was asked since the last time, in order. */
  readonly take: () => ReadonlyArray<Recorded>
  readonly close: () => Promise<void>
}

type Request = IncomingMessage | Http2ServerRequest
type Response = ServerResponse | Http2ServerResponse

const preface = "PRI * HTTP/2.0"

/** An answer in which each client finds what it needs: every required field of every view. */
const answer = (path: string, body: string, origin: string): object => {
  const status = path.includes("/executions/")
    ? "completed"
    : /execute(_async)?$/.test(path)
      ? "completed"
      : path.includes("disk_snapshots") && path.endsWith("/status")
        ? "complete"
        : path.startsWith("/v1/blueprints")
          ? "build_complete"
          : // The first status of those that are waited for.
            (/"statuses":\s*\[\s*"(\w+)"/.exec(body)?.[1] ?? "running")
  return {
    id: "id_1",
    name: "n",
    status,
    state: path.startsWith("/v1/objects") ? "READ_ONLY" : "created",
    create_time_ms: 1,
    update_time_ms: 1,
    start_time_ms: 1,
    launch_parameters: {},
    metadata: {},
    capabilities: [],
    state_transitions: [],
    devbox_id: "dbx_1",
    execution_id: "exec_1",
    exit_status: 0,
    stdout: "",
    stderr: "",
    success: true,
    source_devbox_id: "dbx_1",
    total_elapsed_seconds: 1,
    total_active_seconds: 1,
    vcpu_seconds: 1,
    memory_gb_seconds: 1,
    disk_gb_seconds: 1,
    ssh_private_key: "k",
    ssh_user: "user",
    url: "h",
    port: 1,
    tunnel_key: "k",
    auth_token: "t",
    auth_mode: "open",
    http_keep_alive: true,
    wake_on_http: false,
    blueprint_id: "bpt_1",
    dockerfile: "FROM x",
    parameters: { name: "n" },
    content_type: "text",
    upload_url: `${origin}/storage/put?signature=s`,
    download_url: `${origin}/storage/get?signature=s`,
    egress: {},
    attached: false,
    created: true,
    session_name: "s",
    connect_url: "/pty/s/ws",
    logs: [],
    devboxes: [],
    snapshots: [],
    blueprints: [],
    objects: [],
    secrets: [],
    network_policies: [],
    has_more: false,
    total_count: 0
  }
}

const respond = (request: Pick<Recorded, "body" | "path">, response: Response, origin: string): void => {
  const send = (contentType: string, text: string) => {
    response.setHeader("content-type", contentType)
    response.end(text)
  }
  if (/stream_std(out|err)_updates$/.test(request.path)) {
    return send("text/event-stream", `data: {"output":"x","offset":1}\n\n`)
  }
  if (request.path.endsWith("/evictions/watch")) {
    return send("text/event-stream", `data: {"devbox_id":"dbx_1","eviction_deadline_ms":1}\n\n`)
  }
  if (request.path.endsWith("/read_file_contents")) return send("text/plain", "text")
  if (/\/(download_file|get)$/.test(request.path)) return send("application/octet-stream", "bytes")
  send("application/json", JSON.stringify(answer(request.path, request.body, origin)))
}

/** Starts one on a port of its own. */
export const record = async (): Promise<Recorder> => {
  let recorded: Array<Recorded> = []
  let origin = ""
  const handle = async (request: Request, response: Response): Promise<void> => {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url ?? "/", origin)
    const one: Recorded = {
      method: request.method ?? "",
      path: url.pathname,
      query: [...url.searchParams],
      headers: Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [
          name,
          Array.isArray(value) ? value.join() : (value ?? "")
        ])
      ),
      body: Buffer.concat(chunks).toString()
    }
    recorded.push(one)
    respond(one, response, origin)
  }
  const listen = (request: Request, response: Response) =>
    void handle(request, response).catch(() => response.destroy())
  const http1 = createHttp1(listen)
  const http2 = createHttp2(listen)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    socket.on("error", () => {})
    socket.once("readable", () => {
      const first = socket.read() as Buffer | null
      if (first === null) return socket.destroy()
      socket.unshift(first)
      const speaks = first.toString("latin1", 0, preface.length) === preface ? http2 : http1
      speaks.emit("connection", socket)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  return {
    url: origin,
    take: () => {
      const taken = recorded
      recorded = []
      return taken
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    }
  }
}
