/** Laws of output: every byte, from any byte on, while it comes and afterwards, up to an end that says how much there was. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { cursorStart, type OutputChunk, type OutputEvent } from "../../../Execution.ts"
import {
  bytes,
  bytesOf,
  events,
  exec,
  firstOutput,
  noise,
  over,
  put,
  type Running,
  running,
  start,
  text
} from "../boxes.ts"
import { ends, equal, eventually, holds, succeeds } from "../claim.ts"
import { type BackendLaw, law } from "../law.ts"

const chunks = (found: ReadonlyArray<OutputEvent>): ReadonlyArray<OutputChunk> =>
  found.filter((event) => event._tag === "Chunk")

const printed = (box: Running, command: string) =>
  Effect.gen(function* () {
    const { executionId } = yield* start(box, command)
    yield* over(box, executionId)
    return executionId
  })

/** See above. */
export const output: ReadonlyArray<BackendLaw> = [
  law(
    "output-from-any-byte",
    "Output can be read from any byte on.",
    ["exactBytes"],
    Effect.gen(function* () {
      const box = yield* running()
      const whole = bytes("0123\n56é9")
      const id = yield* printed(box, "echo 0123; printf '56é9'")
      for (let from = 0; from <= whole.length; from++) {
        const found = yield* succeeds(
          `it can be read from byte ${from}`,
          events(box, id, "stdout", { stdout: from, stderr: 0 })
        )
        yield* equal(`from byte ${from} on it is the rest`, bytesOf(found, "stdout"), whole.subarray(from))
      }
    })
  ),
  law(
    "output-again",
    "Reading output again gives the same again.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const id = yield* printed(box, "echo one; echo two")
      const [first, second] = yield* Effect.all([events(box, id, "stdout"), events(box, id, "stdout")])
      yield* equal("the first reading is whole", text(bytesOf(first, "stdout")), "one\ntwo\n")
      yield* equal("so is the second", bytesOf(second, "stdout"), bytesOf(first, "stdout"))
    })
  ),
  law(
    "output-follows",
    "Output is given while the command runs, and goes on until its end.",
    ["stdin"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* start(box, "echo early; cat; echo late", { attachStdin: true })
      const early = yield* succeeds("what was printed is given before the end", firstOutput(box, executionId, 6))
      yield* equal("it is what was printed", text(early), "early\n")
      const info = yield* box.backend.getExecution(box.id, executionId)
      yield* equal("the command still runs", info.status, "running")
      const [whole] = yield* succeeds(
        "a reading that follows comes to an end",
        Effect.all(
          [events(box, executionId, "stdout"), box.backend.sendStdin(box.id, executionId, { signal: "EOF" })],
          { concurrency: 2 }
        )
      )
      yield* equal("and has everything", text(bytesOf(whole, "stdout")), "early\nlate\n")
    })
  ),
  law(
    "output-end-promises",
    "A reading ends with a word about how many bytes there were, and there were as many.",
    ["exactBytes"],
    Effect.gen(function* () {
      const box = yield* running()
      const id = yield* printed(box, "echo out; printf 'error' >&2")
      for (const [channel, length] of [
        ["stdout", 4],
        ["stderr", 5]
      ] as const) {
        const found = yield* succeeds(`${channel} can be read`, events(box, id, channel))
        const end = found.at(-1)
        yield* holds(`${channel} ends with its end`, end?._tag === "End", found)
        if (end?._tag === "End") yield* equal(`it promises what ${channel} had`, end[channel], length)
        yield* equal("and that was given", bytesOf(found, channel).length, length)
      }
    })
  ),
  law(
    "output-nothing",
    "A command that prints nothing has output that ends.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const id = yield* printed(box, "true")
      const found = yield* succeeds("reading it comes to an end", events(box, id, "both"))
      yield* equal(
        "there is nothing but the end",
        found.map(({ _tag }) => _tag),
        ["End"]
      )
    })
  ),
  law(
    "output-past-the-end",
    "Reading from the last byte on gives the end and nothing else.",
    ["exactBytes"],
    Effect.gen(function* () {
      const box = yield* running()
      const id = yield* printed(box, "echo done")
      const found = yield* succeeds("reading comes to an end", events(box, id, "stdout", { stdout: 5, stderr: 0 }))
      yield* equal(
        "there is nothing but the end",
        found.map(({ _tag }) => _tag),
        ["End"]
      )
    })
  ),
  law(
    "output-both",
    "Both outputs can be read at once, each whole and told from the other.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const id = yield* printed(box, "echo a; echo b >&2; echo c; echo d >&2")
      const found = yield* succeeds("both can be read", events(box, id, "both"))
      yield* equal("stdout is whole", text(bytesOf(found, "stdout")), "a\nc\n")
      yield* equal("stderr is whole", text(bytesOf(found, "stderr")), "b\nd\n")
      const end = found.at(-1)
      yield* holds(
        "one end ends both",
        end?._tag === "End" && found.filter(({ _tag }) => _tag === "End").length === 1,
        found
      )
    })
  ),
  law(
    "output-one-is-one",
    "Reading one output gives nothing of the other.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const id = yield* printed(box, "echo a; echo b >&2; echo c")
      for (const channel of ["stdout", "stderr"] as const) {
        const found = chunks(yield* events(box, id, channel))
        yield* holds(
          `${channel} is alone`,
          found.every((chunk) => chunk.channel === channel),
          found
        )
      }
    })
  ),
  law(
    "output-without-gaps",
    "Chunks follow each other without gap or overlap, and say where they stand.",
    ["exactBytes"],
    Effect.gen(function* () {
      const box = yield* running()
      const large = noise(300_000)
      yield* put(box, "large.bin", large)
      const { info } = yield* exec(box, "cat large.bin; cat large.bin")
      let at = 0
      for (const chunk of chunks(yield* events(box, info.executionId, "stdout"))) {
        yield* equal("a chunk starts where the one before ended", chunk.start, at)
        yield* equal("it is as long as it says", chunk.bytes.length, chunk.end - chunk.start)
        at = chunk.end
      }
      yield* equal("they cover everything", at, 2 * large.length)
    })
  ),
  law(
    "output-stops-when-left",
    "A reader that leaves early leaves the command alone.",
    ["stdin"],
    Effect.gen(function* () {
      const box = yield* running()
      const { executionId } = yield* start(box, "echo early; cat", { attachStdin: true })
      yield* ends(
        "the reader can leave",
        Stream.runDrain(Stream.take(box.backend.output(box.id, executionId, "stdout", cursorStart), 1))
      )
      yield* equal("the command still runs", (yield* box.backend.getExecution(box.id, executionId)).status, "running")
      yield* box.backend.sendStdin(box.id, executionId, { bytes: bytes("more") })
      yield* box.backend.sendStdin(box.id, executionId, { signal: "EOF" })
      yield* equal("and ends in its own way", (yield* over(box, executionId)).exitStatus, 0)
      const whole = yield* events(box, executionId, "stdout")
      yield* equal("with all its output", text(bytesOf(whole, "stdout")), "early\nmore")
    })
  ),
  law(
    "output-ends-without-children",
    "The output of a command ends with it; what it left behind prints to the log, and can still be killed.",
    [],
    Effect.gen(function* () {
      const box = yield* running()
      const { info, stdout } = yield* exec(box, "sh -c 'sleep 1; echo late; sleep 1000' & echo now")
      yield* equal("its output is its own", text(stdout), "now\n")
      const logged = yield* eventually(
        "what comes later is in the log",
        box.backend.logs(box.id, { executionId: info.executionId }),
        (entries) => entries.some(({ message }) => message === "late")
      )
      const entry = logged.find(({ message }) => message === "late")
      yield* equal("as the command's", [entry?.source, entry?.cmdId], ["exec", info.executionId as string])
      yield* equal("and nowhere else", text(bytesOf(yield* events(box, info.executionId, "stdout"), "stdout")), "now\n")
      yield* succeeds(
        "it can be killed with the command's group",
        box.backend.kill(box.id, info.executionId, { group: true, signal: "SIGKILL" })
      )
    })
  )
]
