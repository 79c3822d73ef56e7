/** The tools for models: searching ends when there is enough to show. The others are tried by an MCP client, with the examples. */
import { Devbox, DevboxService } from "@effect-devbox/core"
import * as DevboxToolkit from "@effect-devbox/core/DevboxToolkit"
import { MemoryBackend, VirtualTime } from "@effect-devbox/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"

/** A grep that says where something is: this often, or without end. */
const grep = (count: number, exitCode = 0): MemoryBackend.Command => ({
  match: ({ words }) => words.includes("grep"),
  run: ({ stderr, stdout }) =>
    Effect.gen(function* () {
      for (let line = 1; line <= count; line++) yield* stdout(`./a.txt\0${line}:found\n`)
      if (exitCode > 1) yield* stderr("grep: nowhere: No such file or directory\n")
      return exitCode
    })
})

const search = (command: MemoryBackend.Command) =>
  Effect.gen(function* () {
    const devbox = yield* Devbox.create()
    const tools = yield* Effect.provide(DevboxToolkit.toolkit, DevboxToolkit.layer(devbox, { maxEntries: 3 }))
    const answers = yield* Stream.runCollect(
      Stream.unwrap(tools.handle("search_files", { path: ".", pattern: "found" }))
    )
    const { executions } = yield* MemoryBackend.Control
    return { answer: answers.at(-1)?.result, ended: (yield* executions()).map(({ status }) => status) }
  }).pipe(
    Effect.scoped,
    Effect.provide(DevboxService.layer.pipe(Layer.provideMerge(MemoryBackend.layerControl({ commands: [command] })))),
    VirtualTime.run
  )

const match = (line: number) => ({ path: "a.txt", line, text: "found" })

describe("searching files", () => {
  it.live("shows what there is", () =>
    Effect.gen(function* () {
      const { answer } = yield* search(grep(3))
      assert.deepEqual(answer, { matches: [1, 2, 3].map(match), truncated: false })
      assert.deepEqual((yield* search(grep(0, 1))).answer, { matches: [], truncated: false })
    })
  )

  it.live("reads no more than it shows, and ends what would say more", () =>
    Effect.gen(function* () {
      const { answer, ended } = yield* search(grep(Infinity))
      assert.deepEqual(answer, { matches: [1, 2, 3].map(match), truncated: true })
      assert.deepStrictEqual(ended, ["completed"])
    })
  )

  it.live("tells the model what went wrong", () =>
    Effect.gen(function* () {
      const { answer } = yield* search(grep(0, 2))
      assert.include(JSON.stringify(answer), "No such file")
    })
  )
})
