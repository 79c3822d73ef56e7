/**
 * A server that keeps what it was asked and answers everything with something that every client can read. It speaks HTTP/1.1
 * and HTTP/2 with prior knowledge on one port, because the official client and ours do not choose the same.
 */
import { once } from "node:events"
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from "node:http2"
import { createServer, type Socket } from "node:net"
import { answerTo } from "../answers.ts"

/** One request as it arrived. */
export interface Recorded {
  /** Of HTTP. */
  readonly version: string
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

/** Starts one on a port of its own. */
export const record = async (): Promise<Recorder> => {
  let recorded: Array<Recorded> = []
  let origin = ""
  const handle = async (request: Request, response: Response): Promise<void> => {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url ?? "/", origin)
    const one: Recorded = {
      version: request.httpVersion,
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
    const { contentType, text } = answerTo(one.path, one.body, origin)
    response.setHeader("content-type", contentType)
    response.end(text)
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
