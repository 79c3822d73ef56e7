/** The documents agree with the tree: every link leads somewhere, and `llms.txt` knows every guide and example. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { readmeNow } from "./showExamples.ts"

const root = path.resolve(import.meta.dirname, "../..")
const read = (name: string) => readFileSync(path.join(root, name), "utf8")
const guides = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md"))
const examples = readdirSync(path.join(root, "examples")).filter((name) => /^\d/.test(name))
const documents = [
  "README.md",
  "SECURITY.md",
  "AGENTS.md",
  "RELEASING.md",
  "llms.txt",
  ...guides.map((name) => `docs/${name}`)
]

describe("the documents", () => {
  it.each(documents)("%s links only to what is there", (name) => {
    const links = [...read(name).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => target ?? "")
    const dead = links.filter((target) => !existsSync(path.join(root, path.dirname(name), target)))
    expect(dead).toEqual([])
  })

  it("llms.txt names every guide and every example", () => {
    const text = read("llms.txt")
    const missing = [...guides.map((name) => `docs/${name}`), ...examples.map((name) => `examples/${name}`)].filter(
      (file) => !text.includes(`(${file})`)
    )
    expect(missing).toEqual([])
  })

  it("README.md shows the examples as they are (node test/readme/showExamples.ts)", () => {
    const { is, shouldBe } = readmeNow()
    expect(is === shouldBe).toBe(true)
  })

  it("decisions have each a number of its own, which is also in its heading", () => {
    const pages = readdirSync(path.join(root, "decisions")).filter((name) => /^\d/.test(name))
    const numbers = pages.map((name) => Number(name.slice(0, 4)))
    expect(new Set(numbers).size).toBe(pages.length)
    const headings = pages.map((name) => Number(/^# (\d+)\. /.exec(read(`decisions/${name}`))?.[1]))
    expect(headings).toEqual(numbers)
  })

  it("README.md leads to every guide", () => {
    const text = read("README.md")
    expect(guides.filter((name) => !text.includes(`(docs/${name})`))).toEqual([])
  })
})
