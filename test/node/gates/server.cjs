// The server that the tests of tunnels start inside a devbox: HTTP/1.1 with bodies, events, trailers and WebSockets.
const http = require("node:http")
const { createHash } = require("node:crypto")

const page =
  '<!doctype html><title>inside</title><body style="margin:0;background:#2b7"><h1 id="it">served from inside a devbox</h1>' +
  '<script>fetch("/echo").then((r) => r.json()).then((j) => { document.title = "ran " + j.headers["x-forwarded-proto"] })</script>'

const server = http.createServer((request, response) => {
  const url = new URL(request.url, "http://inside")
  if (url.pathname === "/") return response.setHeader("content-type", "text/html").end(page)
  if (url.pathname === "/bytes") {
    let left = Number(url.searchParams.get("n"))
    const piece = Buffer.alloc(65536, "x")
    const more = () => {
      while (left > 0) {
        const part = left < piece.length ? piece.subarray(0, left) : piece
        left -= part.length
        if (!response.write(part)) return response.once("drain", more)
      }
      response.end()
    }
    response.setHeader("content-length", left)
    return more()
  }
  if (url.pathname === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream" })
    // One event for each line of the request: whoever asks sees each before the next is sent.
    response.write("data: ready\n\n")
    next = () => response.write("data: next\n\n")
    return
  }
  if (url.pathname === "/next") {
    next()
    return response.end("ok")
  }
  if (url.pathname === "/trailers") {
    response.writeHead(200, { trailer: "x-sum" })
    response.write("body")
    response.addTrailers({ "x-sum": "42" })
    return response.end()
  }
  if (url.pathname === "/break") {
    response.writeHead(200, { "content-length": 100 })
    response.write("only this")
    return setImmediate(() => request.socket.destroy())
  }
  const hash = createHash("sha256")
  let length = 0
  request.on("data", (bytes) => {
    length += bytes.length
    hash.update(bytes)
  })
  request.on("end", () => {
    const { headers, method } = request
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify({ method, url: request.url, headers, length, sha256: hash.digest("hex") }))
  })
})
let next = () => {}

server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64")
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
  )
  socket.on("error", () => {})
  let rest = Buffer.alloc(0)
  socket.on("data", (bytes) => {
    rest = Buffer.concat([rest, bytes])
    for (;;) {
      if (rest.length < 6) return
      const short = rest[1] & 127
      const head = short === 126 ? 4 : short === 127 ? 10 : 2
      if (rest.length < head + 4) return
      const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short
      if (rest.length < head + 4 + length) return
      const mask = rest.subarray(head, head + 4)
      const body = rest.subarray(head + 4, head + 4 + length).map((byte, at) => byte ^ mask[at & 3])
      socket.write(
        Buffer.concat([
          Buffer.from([rest[0]]),
          Buffer.concat([Buffer.from([rest[1] & 127]), rest.subarray(2, head)]),
          body
        ])
      )
      if ((rest[0] & 15) === 8) return socket.end()
      rest = rest.subarray(head + 4 + length)
    }
  })
})

server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log(`listening on ${server.address().port}`))
