/** The memory backend as the suites and the mutants use it. */
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import * as Effect from "effect/Effect"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"

/** Listens on a port, sends back what it receives and prints `closed` after each connection, until it is killed. */
const echo: MemoryBackend.Command = {
  match: /^echo-server \d+$/,
  run: (process) =>
    Effect.andThen(
      process.listen(Number(process.command.split(" ")[1]), (received) =>
        Stream.ensuring(received, process.stdout("closed\n"))
      ),
      Effect.never
    )
}

/** See {@link echo}. */
export const echoServer = (port: number): string => `echo-server ${port}`

/** Answers HTTP as the laws want it. In virtual time there is no waiting for a real body. */
const site: MemoryBackend.Site = (request) =>
  Effect.sync(() => {
    const { body, method, url } = request
    const given = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""
    const answer = HttpClientResponse.fromWeb(
      request,
      new Response(null, { status: 207, headers: { "x-method": method } })
    )
    return Object.defineProperty(answer, "text", { value: Effect.succeed(`${url}\n${given}`) })
  })

const waiting: MemoryBackend.Command = { match: "web-server", run: () => Effect.never }

/** See {@link site}. */
export const webServer = "web-server"

/** A memory backend that can serve an echo and a site. */
export const memory = (options: MemoryBackend.Options = {}) =>
  MemoryBackend.layer({ ...options, commands: [echo, waiting], sites: { 27120: site } })

/** One in which everything takes a moment. */
export const slow: MemoryBackend.Options = {
  provisioningDelay: "300 millis",
  suspendDelay: "200 millis",
  resumeDelay: "200 millis",
  snapshotDelay: "500 millis"
}
