/** Where the values lie that a devbox is given as its environment: in its own folder, closed to everybody else, while it lives. */
import { assert, describe, it } from "@effect/vitest"
import { DevboxService } from "@effect-devbox/core"
import { Effect } from "effect"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { inLocal } from "./fixtures.ts"

const needle = "a-value-that-is-looked-for"

/** The files below a folder that hold the value. */
const holding = (dir: string): ReadonlyArray<string> =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(needle))

describe("the environment of a devbox", () => {
  it.live("is kept in its own folder, which others cannot enter, and goes with it", () =>
    inLocal((dir) =>
      Effect.gen(function* () {
        const box = yield* DevboxService.use((devboxes) => devboxes.createDetached({ env: { SECRET: needle } }))
        const boxes = join(dir, "boxes")
        const own = join(boxes, box.id)
        const found = holding(dir)
        assert.isNotEmpty(found, "the look finds what is there")
        assert.deepStrictEqual(
          found.filter((file) => !file.startsWith(`${own}/`)),
          []
        )
        assert.strictEqual(statSync(own).mode & 0o007, 0, "others may not enter")
        yield* box.close
        assert.deepStrictEqual(holding(dir), [])
      })
    )
  )
})
