/** What a program that calls itself `stat` says inside a devbox is read, or not understood; it breaks nothing. */
import { assert, describe, it } from "@effect/vitest"
import { parseStat } from "../../packages/core/src/internal/interop/fileInfo.ts"

const good = "81a4 5 8 4096 1234 1 1000 1001 66306 0 0 1700000000.250000000 -1.5 0.000000000"

describe("a line of stat", () => {
  it("is understood", () => {
    const info = parseStat(`${good}\n`)
    assert.deepInclude(info, { type: "File", mode: 0o100644 })
    assert.strictEqual(info?.birthtime._tag, "None")
    for (const birth of ["-", "?"]) assert.isDefined(parseStat(good.replace(/\S+$/, birth)))
  })

  it("is refused when a field is not what it should be, whichever it is", () => {
    const fields = good.split(" ")
    for (const odd of ["", "x", "-", "1e3", "0x1", "1 2"]) {
      // What stands for the time of birth may be anything.
      for (let at = 0; at < fields.length - 1; at++) {
        // Digits with an e are a number for those that are hexadecimal.
        if (odd === "1e3" && [0, 9, 10].includes(at)) continue
        const line = fields.map((field, index) => (index === at ? odd : field)).join(" ")
        assert.isUndefined(parseStat(line), line)
      }
    }
    assert.isUndefined(parseStat(""))
  })
})
