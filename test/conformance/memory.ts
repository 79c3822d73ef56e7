/** The memory backend as the suites and the mutants use it. */
import * as MemoryBackend from "@effect-devbox/core/MemoryBackend"
import * as Effect from "effect/Effect"
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

/** A memory backend that can serve an echo. */
export const memory = (options: MemoryBackend.Options = {}) => MemoryBackend.layer({ ...options, commands: [echo] })

/** One in which everything takes a moment. */
export const slow: MemoryBackend.Options = {
  provisioningDelay: "300 millis",
  suspendDelay: "200 millis",
  resumeDelay: "200 millis",
  snapshotDelay: "500 millis"
}
