// One request and its answer with a server inside that speaks HTTP/1.1, for a client of either version. Bodies pass in pieces,
// each side as fast as the other.
import * as http from "node:http"
import { type Duplex, pipeline, type Readable, type Writable } from "node:stream"
import { passing, type RawHeaders } from "../net/headers.ts"
import { GatewayError, type Target } from "./target.ts"

/** A request as it goes to the server inside. */
export interface Question {
  readonly method: string
  readonly path: string
  readonly headers: RawHeaders
  readonly body: Readable
  readonly hasBody: boolean
}

/** The client's side of the answer. */
export interface Answer {
  readonly head: (status: number, message: string, headers: RawHeaders) => void
  readonly body: Writable
  readonly trailers: (headers: RawHeaders) => void
}

/** How long a connection to a server inside waits for the next request. A server's own, shorter wish is respected. */
const idle = 4000

type Connect = NonNullable<http.RequestOptions["createConnection"]>

const connectTo =
  (target: Target): Connect =>
  (_options, callback) => {
    target.dial().then(
      (socket) => {
        // Nobody is half done with HTTP: what the server has ended must not wait for another request.
        socket.once("end", () => socket.end())
        callback(null, socket)
      },
      (error: Error) => callback(error, undefined as unknown as Duplex) // a cast: with an error there is no socket
    )
    return undefined
  }

/** The connections to the servers inside that are open and free. */
export class Pool {
  readonly #agents = new Map<string, http.Agent>()

  of(target: Target): http.Agent {
    const name = `${target.port}-${target.key}`
    let agent = this.#agents.get(name)
    if (agent === undefined) {
      agent = new http.Agent({ keepAlive: true, timeout: idle, scheduling: "lifo" })
      this.#agents.set(name, agent)
    }
    // Targets are found anew for each request; the connection is made by the one that needs it.
    agent.createConnection = connectTo(target)
    return agent
  }

  /** Lets go of the connections of a tunnel, also those in use, but for ports that it still leads to. */
  drop(key: string, stays: (port: number) => boolean): void {
    for (const [name, agent] of this.#agents) {
      if (!name.endsWith(`-${key}`) || stays(Number.parseInt(name, 10))) continue
      agent.destroy()
      this.#agents.delete(name)
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }
}

/** Methods that may be sent again when a connection from before turns out to be closed. */
const safe = new Set(["GET", "HEAD", "OPTIONS"])

/** Asks the server inside and passes its answer on to the end. Rejects when no answer began; `track` gets a way to end it. */
export const exchange = (
  target: Target,
  pool: Pool,
  question: Question,
  answer: Answer,
  track: (end: () => void) => void
): Promise<void> =>
  new Promise((resolve, reject) => {
    let answered = false
    const ask = (pooled: boolean) => {
      const request = http.request({
        method: question.method,
        path: question.path,
        headers: question.headers,
        // What cannot be sent twice gets a connection that nobody can have closed meanwhile.
        ...(pooled ? { agent: pool.of(target) } : { createConnection: connectTo(target) })
      })
      track(() => request.destroy())
      request.on("error", (error) => {
        // Nobody asks again for a client that has its answer, or has gone.
        if (pooled && request.reusedSocket && !answered && !answer.body.destroyed) return ask(false)
        const detail = `The server on port ${target.port} ended the connection without an answer.`
        reject(error instanceof GatewayError ? error : new GatewayError(502, detail))
      })
      request.on("response", (response) => {
        target.heard()
        answered = true
        if (answer.body.destroyed) {
          request.destroy()
          return resolve()
        }
        try {
          const { rawHeaders, statusCode = 0, statusMessage = "" } = response
          // Node's HTTP/2 would make 200 of it.
          if (statusCode < 200) throw new RangeError(`${statusCode} is not the status of an answer`)
          answer.head(statusCode, statusMessage, passing(rawHeaders))
        } catch {
          // Node reads more than it writes. What a box answers must not become the program's error.
          request.destroy()
          return reject(
            new GatewayError(502, `The server on port ${target.port} answered with a head that is not HTTP.`)
          )
        }
        response.once("end", () => {
          if (response.rawTrailers.length > 0) answer.trailers(passing(response.rawTrailers))
        })
        // An answer that breaks off must look broken to the client, too: both ends are destroyed then.
        pipeline(response, answer.body, (error) => {
          if (error != null) request.destroy()
          resolve()
        })
      })
      if (question.hasBody) pipeline(question.body, request, () => {})
      else request.end()
    }
    ask(safe.has(question.method) && !question.hasBody)
  })
