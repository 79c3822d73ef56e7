/** The memory backend as the suites and the mutants use it. */
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import * as Effect from "effect/Effect"

/** Listens on a port and sends back what it receives, until it is killed. */
const echo: MemoryBackend.Command = {
  match: /^echo-server \d+$/,
  run: (process) =>
    Effect.andThen(
      process.listen(Number(process.command.split(" ")[1]), (received) => received),
      Effect.never
    )
}

/** See {@link echo}. */
export const echoServer = (port: number): string => `echo-server ${port}`

/** A memory backend that can serve an echo. */
export const memory = (options: MemoryBackend.Options = {}) => MemoryBackend.layer({ ...options, commands: [echo] })

/** One in which everything takes a moment. */
export const slow: MemoryBackend.Options = {
  provisioningDelay: "300 millis",
  suspendDelay: "200 millis",
  resumeDelay: "200 millis",
  snapshotDelay: "500 millis"
}
