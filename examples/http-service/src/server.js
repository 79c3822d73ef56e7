import { createServer } from "node:http"
import { json } from "node:stream/consumers"
import { Links } from "./links.js"

const answer = (response, status, body, headers = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...headers })
  response.end(body === undefined ? "" : `${JSON.stringify(body)}\n`)
}

const routes = async (links, request, response) => {
  const { pathname } = new URL(request.url, "http://service")
  if (request.method === "GET" && pathname === "/links") return answer(response, 200, links.list())
  if (request.method === "POST" && pathname === "/links") {
    const body = await json(request).catch(() => undefined)
    if (typeof body !== "object" || body === null) return answer(response, 400, { error: "send a JSON object" })
    try {
      return answer(response, 201, links.add(body.target, body.name))
    } catch (error) {
      return answer(response, error instanceof RangeError ? 400 : 409, { error: error.message })
    }
  }
  if (request.method === "GET") {
    const target = links.visit(pathname.slice(1))
    if (target !== undefined) return answer(response, 302, undefined, { location: target })
  }
  return answer(response, 404, { error: `nothing at ${request.method} ${pathname}` })
}

/** The service on a port of 127.0.0.1; 0 picks a free one. */
export const start = async (port = 0, links = new Links()) => {
  const server = createServer((request, response) => {
    routes(links, request, response).catch((error) => answer(response, 500, { error: error.message }))
  })
  await new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, "127.0.0.1", resolve)
  })
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(resolve))
  }
}
