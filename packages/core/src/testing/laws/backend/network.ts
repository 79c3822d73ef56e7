/** Laws of the network: connections to ports inside. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { bytes, firstOutput, join, noise, type Running, running, start, text } from "../boxes.ts"
import { equal, failsWith, succeeds } from "../claim.ts"
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
    "dial-refused",
    "A connection to a port where nothing listens is refused.",
    ["dial"],
    Effect.gen(function* () {
      const { backend, id } = yield* running()
      const error = yield* failsWith("it fails", Effect.scoped(backend.dial(id, 27_113)), "BackendError")
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
      yield* echo(box, 27_114)
      const sent = noise(1024 * 1024)
      const heard = yield* succeeds(
        "it can be used",
        Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* box.backend.dial(box.id, 27_114)
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
      yield* echo(box, 27_115)
      const question = bytes("anybody there?")
      const answer = yield* succeeds(
        "an answer comes while the question is open",
        Effect.scoped(
          Effect.gen(function* () {
            const { readable, writable } = yield* box.backend.dial(box.id, 27_115)
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
      const { executionId } = yield* echo(box, 27_116)
      const heard = (closed: string) =>
        Effect.flatMap(succeeds("the server hears of it", firstOutput(box, executionId, closed.length)), (printed) =>
          equal("once for each connection", text(printed), closed)
        )
      yield* heard("closed\n")
      yield* Effect.scoped(box.backend.dial(box.id, 27_116))
      yield* heard("closed\nclosed\n")
    })
  )
]
