/**
 * The server of `pnpm bench client`, in a process of its own: canned answers at the least cost, so that it is the clients that are
 * measured. HTTP/1.1 and HTTP/2 with prior knowledge on one port, because the two clients do not choose the same. With
 * `--chaos SEED` it misbehaves. Prints its address, serves until its stdin ends.
 */
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from "node:http2"
import { createServer, type Socket } from "node:net"
import { makeChaos, socketOf } from "./chaos.ts"

const preface = "PRI * HTTP/2.0"

const view = JSON.stringify({
  id: "dbx_1",
  status: "running",
  name: "bench",
  create_time_ms: 1_700_000_000_000,
  end_time_ms: null,
  launch_parameters: { resource_size_request: "SMALL", keep_alive_time_seconds: 3600, launch_commands: ["true"] },
  metadata: { purpose: "bench", owner: "nobody" },
  capabilities: ["docker_in_docker"],
  state_transitions: [
    { status: "provisioning", transition_time_ms: 1_700_000_000_000 },
    { status: "initializing", transition_time_ms: 1_700_000_001_000 },
    { status: "running", transition_time_ms: 1_700_000_002_000 }
  ]
})
const execution = JSON.stringify({
  devbox_id: "dbx_1",
  execution_id: "exec_1",
  status: "completed",
  exit_status: 0,
  stdout: "hello\n",
  stderr: ""
})

const seed = process.argv.indexOf("--chaos")
const chaos = seed === -1 ? undefined : makeChaos(Number(process.argv[seed + 1]))

type Request = IncomingMessage | Http2ServerRequest
type Response = ServerResponse | Http2ServerResponse

const send = (response: Response, body: string, status = 200): void => {
  response.statusCode = status
  response.setHeader("content-type", "application/json")
  response.end(body)
}

/** All devboxes that are waited for run at this time, so that a thousand waits end together. */
const bootMs = 1500

const megabyte = Buffer.alloc(1024 * 1024, 7)

const giveBytes = (response: Response, size: number): void => {
  response.setHeader("content-type", "application/octet-stream")
  response.setHeader("content-length", String(size))
  let left = size
  // The two kinds of response have the same methods with types that do not unite.
  const to = response as ServerResponse
  const more = (): void => {
    while (left > 0) {
      const piece = left >= megabyte.length ? megabyte : megabyte.subarray(0, left)
      left -= piece.length
      if (!to.write(piece)) return void to.once("drain", more)
    }
    to.end()
  }
  more()
}

/** What a line of a kilobyte gives as an event. Nothing is left out: the offset counts, as the protocol has it. */
const line = `${"x".repeat(999)}\n`

const giveEvents = (response: Response, count: number): void => {
  response.setHeader("content-type", "text/event-stream")
  let sent = 0
  const to = response as ServerResponse
  const more = (): void => {
    while (sent < count) {
      sent++
      const event = `data: ${JSON.stringify({ output: line, offset: sent * line.length })}\n\n`
      if (!to.write(event)) return void to.once("drain", more)
    }
    to.end()
  }
  more()
}

const answer = (request: Request, response: Response, body: string): void => {
  const path = request.url ?? ""
  if (path.endsWith("/wait_for_status") && !path.includes("/executions/")) {
    setTimeout(() => send(response, view), bootMs) // boots in real time
  } else if (path.endsWith("/download_file")) {
    giveBytes(response, Number(/\/(\d+)"/.exec(body)?.[1] ?? 0))
  } else if (path.includes("/stream_stdout_updates")) {
    giveEvents(response, Number(/exec_(\d+)/.exec(path)?.[1] ?? 0))
  } else if (path.includes("/execut")) send(response, execution)
  else send(response, view)
}

const listen = (request: Request, response: Response): void => {
  response.on("error", () => {})
  if (chaos?.strikes(request, response) === true) return
  const isUpload = request.url?.endsWith("/upload_file") === true
  let body = ""
  request.on("data", (chunk: Buffer) => {
    if (!isUpload) body += chunk.toString()
  })
  request.on("error", () => {})
  request.on("end", () => {
    const go = () => answer(request, response, body)
    const late = chaos?.delay() ?? 0
    if (late > 0) setTimeout(go, late) // late in real time
    else go()
  })
}

const http1 = createHttp1(listen)
const http2 = createHttp2({ settings: { maxConcurrentStreams: 1000, initialWindowSize: 1024 * 1024 } }, listen)
/** The socket that a session of HTTP/2 is being made of; the session itself does not let it be dropped. */
let connecting: Socket | undefined
http2.on("session", (session) => {
  if (connecting !== undefined) socketOf.set(session, connecting)
  session.setLocalWindowSize(16 * 1024 * 1024)
  session.on("error", () => {})
})
const server = createServer((socket: Socket) => {
  socket.setNoDelay(true)
  socket.on("error", () => {})
  socket.once("readable", () => {
    const first = socket.read() as Buffer | null
    if (first === null) return socket.destroy()
    socket.unshift(first)
    connecting = socket
    ;(first.toString("latin1", 0, preface.length) === preface ? http2 : http1).emit("connection", socket)
    connecting = undefined
  })
})
server.listen(0, "127.0.0.1", 4096, () => {
  const address = server.address()
  console.log(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`)
})
process.stdin.on("end", () => process.exit(0))
process.stdin.resume()
