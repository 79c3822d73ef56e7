/** The loads of commands in a short form, on this machine and through a server in front of it; the long one is `pnpm soak loads`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { local, throughServer } from "../../load/backends.ts"
import { loads } from "../../load/report.ts"
import { leftovers, stateDir } from "./fixtures.ts"

const little = { gigabytes: 0.1, interruptions: 24, commands: 100, devboxes: 4 }

describe("many commands and much output", () => {
  for (const [name, on] of [
    ["local", local],
    ["through a server", throughServer]
  ] as const) {
    it.live(
      `are borne, ${name}`,
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const dir = yield* stateDir
            const lines = yield* loads(name, little).pipe(Effect.provide(on(dir)))
            for (const { text } of lines) console.log(text)
            assert.deepStrictEqual(
              lines.filter(({ well }) => !well),
              []
            )
            assert.deepStrictEqual(leftovers(dir), [])
          })
        ),
      180_000
    )
  }
})
