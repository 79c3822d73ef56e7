/** The least that could be done: a bare `node:http` handler that sends bytes it was given, and holds what it is told to hold. */
import * as http from "node:http"

interface Given {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

process.once("message", (given: ReadonlyArray<Given>) => {
  const answers = new Map(given.map((one) => [one.path, one]))
  const server = http.createServer((request, response) => {
    // What is sent with the request is read, as by every server.
    request.resume()
    const answer = answers.get(request.url ?? "")
    if (answer === undefined) return
    response.writeHead(200, answer.headers)
    response.end(answer.body)
  })
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    process.send?.({ port: typeof address === "object" && address !== null ? address.port : 0 })
  })
})
