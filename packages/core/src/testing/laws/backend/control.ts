/** Laws of talking to a command and ending it: stdin, signals, and what is left afterwards. */
import * as Effect from "effect/Effect"
import {
  bytes,
  bytesOf,
  busy,
  events,
  everyByte,
  exec,
  firstOutput,
  noise,
  over,
  running,
  start,
  text
} from "../boxes.ts"
import { equal, failsWith, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

/** See above. */
export const control: ReadonlyArray<BackendLaw> = [
  law(
    "stdin-arrives",
    "What is sent to a command's stdin arrives in order and to the byte.",
    ["stdin", "exactBytes"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* start(box, "cat", { attachStdin: true })
      const pieces = [bytes("first "), everyByte, noise(100_000), bytes(" last")]
      for (const piece of pieces) {
        yield* succeeds("bytes can be sent", box.backend.sendStdin(box.id, executionId, { bytes: piece }))
      }
      yield* box.backend.sendStdin(box.id, executionId, { signal: "EOF" })
      const found = yield* succeeds("the output comes to an end", events(box, executionId, "stdout"))
      const sent = pieces.reduce((size, piece) => size + piece.length, 0)
      const received = bytesOf(found, "stdout")
      yield* equal("all of it arrived", received.length, sent)
      yield* equal("in order", received.subarray(6, 262), everyByte)
      yield* equal("and unharmed", received.subarray(262, 100_262), noise(100_000))
    })
  ),
  law(
    "stdin-ends",
    "The end of stdin reaches the command, which goes on and ends by itself.",
    ["stdin"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* start(box, "cat; echo after; exit 3", { attachStdin: true })
      yield* succeeds("the end can be sent", box.backend.sendStdin(box.id, executionId, { signal: "EOF" }))
      const info = yield* over(box, executionId)
      yield* equal("the command is over", info.status, "completed")
      yield* equal("it went on after the end of stdin", info.exitStatus, 3)
      yield* equal("and said so", text(bytesOf(yield* events(box, executionId, "stdout"), "stdout")), "after\n")
    })
  ),
  law(
    "stdin-interrupts",
    "An interrupt ends a command as the key for it would.",
    ["stdin"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* start(box, "echo ready; cat", { attachStdin: true })
      yield* firstOutput(box, executionId, 6)
      yield* succeeds("an interrupt can be sent", box.backend.sendStdin(box.id, executionId, { signal: "INTERRUPT" }))
      const info = yield* over(box, executionId)
      yield* equal("the command is over", info.status, "completed")
      yield* equal("by the signal", info.exitStatus, 130)
    })
  ),
  law(
    "stdin-is-asked-for",
    "A command that was started without stdin cannot be sent anything.",
    ["stdin"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* busy(box)
      const error = yield* failsWith(
        "sending fails",
        box.backend.sendStdin(box.id, executionId, { bytes: bytes("x") }),
        "BackendError"
      )
      yield* equal("nothing was done", error.outcome, "rejected")
    })
  ),
  law(
    "kill-ends",
    "A command that is killed is over when the kill of its group returns.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* busy(box)
      yield* succeeds(
        "a command can be killed",
        box.backend.kill(box.id, executionId, { group: true, signal: "SIGKILL" })
      )
      const info = yield* over(box, executionId)
      yield* equal("it is over", info.status, "completed")
      yield* equal("its status says how", info.exitStatus, 137)
      yield* succeeds("its output ends", events(box, executionId, "both"))
    })
  ),
  law(
    "kill-of-the-dead",
    "Killing a command that is over does nothing.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const { info } = yield* exec(box, "echo said; exit 5")
      const after = yield* succeeds("the kill succeeds", box.backend.kill(box.id, info.executionId, { group: true }))
      yield* equal("the answer is about its end", after.exitStatus, 5)
      const now = yield* box.backend.getExecution(box.id, info.executionId)
      yield* equal("which is what it was", now.exitStatus, 5)
      yield* equal(
        "as is its output",
        text(bytesOf(yield* events(box, info.executionId, "stdout"), "stdout")),
        "said\n"
      )
    })
  ),
  law(
    "kill-leaves-others",
    "Killing a command leaves the others alone.",
    ["stdin"],
    Effect.gen(function* () {
      const box = yield* running()
      const doomed = yield* busy(box)
      const other = yield* start(box, "cat; echo alive", { attachStdin: true })
      yield* box.backend.kill(box.id, doomed.executionId, { group: true, signal: "SIGKILL" })
      yield* over(box, doomed.executionId)
      yield* succeeds("the other takes input", box.backend.sendStdin(box.id, other.executionId, { signal: "EOF" }))
      const info = yield* over(box, other.executionId)
      yield* equal("and ends in its own way", info.exitStatus, 0)
    })
  ),
  law(
    "kill-asks-first",
    "SIGTERM ends a command that does not mind it, and the end says so.",
    ["killSignals"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* busy(box)
      yield* box.backend.kill(box.id, executionId, { group: true, signal: "SIGTERM" })
      const info = yield* over(box, executionId)
      yield* equal("it is over", info.status, "completed")
      yield* equal("by the signal that was sent", info.exitStatus, 143)
    })
  ),
  law(
    "kill-by-degrees",
    "A command may ignore SIGTERM, and cannot ignore SIGKILL.",
    ["killSignals", "stdin"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* start(box, "trap '' TERM; echo ready; cat", { attachStdin: true })
      yield* firstOutput(box, executionId, 6)
      yield* succeeds("SIGTERM can be sent", box.backend.kill(box.id, executionId, { group: true, signal: "SIGTERM" }))
      // It answers after the signal was delivered, so it outlived it.
      const word = { bytes: bytes("alive\n") }
      yield* succeeds("it can still be talked to", box.backend.sendStdin(box.id, executionId, word))
      const heard = yield* succeeds("it can still be heard", firstOutput(box, executionId, 12))
      yield* equal("it lives on", text(heard), "ready\nalive\n")
      yield* holds(
        "and is not called over",
        (yield* box.backend.getExecution(box.id, executionId)).status === "running"
      )
      yield* box.backend.kill(box.id, executionId, { group: true, signal: "SIGKILL" })
      const info = yield* over(box, executionId)
      yield* equal("SIGKILL ends it", info.exitStatus, 137)
    })
  )
]
