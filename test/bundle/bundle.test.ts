/** What core costs a browser: small programs are bundled for it, must need nothing else, and must stay light. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { bundle } from "./bundle.ts"
import type * as Memory from "./memory.ts"

/** The programs, and the most each may weigh in bytes after gzip. */
const budgets: ReadonlyArray<readonly [entry: string, budget: number]> = [
  ["memory.ts", 80_000],
  ["runloop.ts", 80_000]
]

describe("bundles for the browser", () => {
  it("memory.ts still runs after it was bundled and minified", async () => {
    const { code } = await bundle(join(import.meta.dirname, "memory.ts"))
    const { main } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as typeof Memory
    expect(await main()).toBe("hello\n")
  })

  it.each(budgets)("%s needs nothing from outside and weighs at most %i bytes", async (entry, budget) => {
    const { gzipBytes, imports } = await bundle(join(import.meta.dirname, entry))
    console.log(`bundle: ${entry} ${(gzipBytes / 1000).toFixed(1)} kB gzip of ${budget / 1000} kB`)
    expect(imports).toEqual([])
    expect(gzipBytes).toBeLessThanOrEqual(budget)
  })

  it("shows an import of a Node module that was planted", async () => {
    const directory = mkdtempSync(join(tmpdir(), "bundle-"))
    try {
      const entry = join(directory, "planted.ts")
      writeFileSync(entry, `import { readFileSync } from "node:fs"\nexport const text = readFileSync("x", "utf8")`)
      expect((await bundle(entry)).imports).toEqual(["node:fs"])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
