/** The table of laws and backends, and the comparison of skips with those that were agreed on, on planted results. */
import type { LawResult } from "@effect-devbox/core/testing/vitest"
import { assert, describe, it } from "@effect/vitest"
import { readSkips, skipDifferences } from "./suites.ts"
import { table } from "./table.ts"

const result = (law: string, verdict: LawResult["verdict"]): LawResult => ({ law, title: `The law ${law}.`, verdict })
const skipped = (law: string, reason: string) => result(law, { _tag: "Skipped", reason })
const holds = (law: string) => result(law, { _tag: "Holds" })

describe("skips", () => {
  it("are agreed on when the same laws are skipped for the same reasons", () => {
    assert.deepStrictEqual(skipDifferences([holds("a"), skipped("b", "no b here")], { b: "no b here" }), [])
  })

  it("differ when a law is skipped that should not be, or for another reason, or is not skipped any more", () => {
    const differences = skipDifferences([skipped("a", "tired"), skipped("b", "still no b"), holds("c")], {
      b: "no b here",
      c: "no c here"
    })
    assert.deepStrictEqual(differences, [
      "a was skipped (tired) and skips.json does not allow it",
      'b was skipped because "still no b", not because "no b here"',
      "c is in skips.json and was not skipped"
    ])
  })

  it("that are committed all have a reason", () => {
    for (const [suite, laws] of Object.entries(readSkips())) {
      for (const [law, reason] of Object.entries(laws)) assert.isAbove(reason.length, 10, `${suite}: ${law}`)
    }
  })
})

describe("the table", () => {
  it("shows each law on each backend, and says why one does not hold", () => {
    const lines = table([
      { name: "Sound", kind: "backend", results: [holds("first"), holds("second")] },
      {
        name: "Other",
        kind: "backend",
        results: [
          skipped("first", "no first here"),
          result("second", { _tag: "Violated", claim: "it is so", detail: "it is not" })
        ]
      },
      { name: "Sound", kind: "service", results: [result("third", { _tag: "Undecided", detail: "lost\nits way" })] }
    ])
    assert.deepStrictEqual(lines, [
      "",
      "Laws of DevboxBackend",
      "  A Sound",
      "  B Other",
      "          A B",
      "  first   ✓ –  The law first.",
      "  second  ✓ ✗  The law second.",
      "",
      "  Sound: 2 hold, 0 skipped, 0 do not",
      "  Other: 0 hold, 1 skipped, 1 do not",
      "  – first on Other: no first here",
      "  ✗ second on Other: it is so: it is not",
      "",
      "Laws of DevboxService",
      "  A Sound",
      "         A",
      "  third  ?  The law third.",
      "",
      "  Sound: 0 hold, 0 skipped, 1 do not",
      "  ? third on Sound: lost"
    ])
  })
})
