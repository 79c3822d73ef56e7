/** Laws of the network: the tunnel, and connections to ports inside. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TunnelOptions } from "../../../Network.ts"
import { bytes, firstOutput, join, noise, type Running, running, start, text } from "../boxes.ts"
import { equal, eventually, failsWith, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law, Surroundings } from "../law.ts"

/** Starts the echo server and waits until it listens, by one connection to it. */
const echo = (box: Running, port: number) =>
  Effect.gen(function* () {
    const { echoServer } = yield* Surroundings
    const info = yield* start(box, echoServer?.(port) ?? "false")
    const knock = Effect.scoped(box.backend.dial(box.id, port))
    yield* succeeds("it can be dialled", Effect.retry(knock, Schedule.spaced("20 millis")))
    return info
  })

/** See above. */
export const network: ReadonlyArray<BackendLaw> = [
  law(
    "tunnel-is-one",
    "A devbox has one tunnel: enabling it again gives the same, with the options now in force.",
    ["tunnel"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* holds("a new devbox has none", (yield* backend.get(id)).tunnel === undefined)
      const first = yield* succeeds("it can be enabled", backend.enableTunnel(id, new TunnelOptions({})))
      yield* equal("it is open unless asked otherwise", first.authMode, "open")
      const info = yield* eventually("the devbox shows it", backend.get(id), ({ tunnel }) => tunnel !== undefined)
      yield* equal("by its key", info.tunnel?.tunnelKey, first.tunnelKey)
      const second = yield* succeeds(
        "enabling again succeeds",
        backend.enableTunnel(id, new TunnelOptions({ authMode: "authenticated" }))
      )
      yield* equal("the key is the same", second.tunnelKey, first.tunnelKey)
      yield* equal("the options are the new ones", second.authMode, "authenticated")
      yield* holds("an authenticated tunnel has a token", second.authToken !== undefined)
    })
  ),
  law(
    "tunnel-removed",
    "Removing the tunnel removes it, and without a tunnel does nothing.",
    ["tunnel"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      yield* succeeds("without a tunnel removing succeeds", backend.removeTunnel(id))
      yield* backend.enableTunnel(id, new TunnelOptions({}))
      yield* succeeds("with one, too", backend.removeTunnel(id))
      yield* eventually("the devbox has none any more", backend.get(id), ({ tunnel }) => tunnel === undefined)
    })
  ),
  law(
    "dial-refused",
    "A connection to a port where nothing listens is refused.",
    ["dial"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      const error = yield* failsWith("it fails", Effect.scoped(backend.dial(id, 47_113)), "BackendError")
      yield* equal("because nobody answered", error.reason._tag, "TransportError")
      yield* equal("and nothing was done", error.outcome, "rejected")
    })
  ),
  law(
    "dial-carries-bytes",
    "A connection to a port inside carries every byte both ways; after the end of one direction the other goes on to its own.",
    ["dial", "echoServer"],
    Effect.gen(function* () {
      const box = yield* running()
      yield* echo(box, 47_114)
      const sent = noise(1024 * 1024)
      const heard = yield* succeeds(
        "it can be used",
        Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* box.backend.dial(box.id, 47_114)
            const [received] = yield* Effect.all(
              [Stream.runCollect(connection.readable), Stream.run(Stream.make(sent), connection.writable)],
              { concurrency: 2 }
            )
            return join(received)
          })
        )
      )
      yield* equal("what comes back is what was sent", heard, sent)
    })
  ),
  law(
    "dial-talks",
    "What is written into a connection arrives at once, not with its end.",
    ["dial", "echoServer"],
    Effect.gen(function* () {
      const box = yield* running()
      yield* echo(box, 47_115)
      const question = bytes("anybody there?")
      const answer = yield* succeeds(
        "an answer comes while the question is open",
        Effect.scoped(
          Effect.gen(function* () {
            const { readable, writable } = yield* box.backend.dial(box.id, 47_115)
            yield* Effect.forkScoped(Stream.run(Stream.concat(Stream.make(question), Stream.never), writable))
            return yield* Stream.runHead(readable)
          })
        )
      )
      yield* equal("it is the answer", Option.getOrUndefined(answer), question)
    })
  ),
  law(
    "dial-ends-with-scope",
    "A connection ends with its scope, and the server inside hears of it.",
    ["dial", "echoServer"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* echo(box, 47_116)
      const heard = (closed: string) =>
        Effect.flatMap(succeeds("the server hears of it", firstOutput(box, executionId, closed.length)), (printed) =>
          equal("once for each connection", text(printed), closed)
        )
      yield* heard("closed\n")
      yield* Effect.scoped(box.backend.dial(box.id, 47_116))
      yield* heard("closed\nclosed\n")
    })
  )
]
